"""Whether a synchronous call contains the audio, or names a presigned URL of it."""

from __future__ import annotations

from dashscribe.domain.jobs.job import Job
from dashscribe.domain.recognition.media import key_refusal
from dashscribe.domain.recognition.options import Options


def with_inline_audio(job: Job) -> Job:
    """The vendor cannot download the recording: the next call contains it."""
    return job.model_copy(update={"send_inline": True})


def sends_inline(job: Job, options: Options) -> bool:
    """Whether a call must contain the audio, and no URL of it."""
    return options.send == "inline" or job.send_inline or key_refusal(job.media) is not None
