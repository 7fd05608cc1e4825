"""Whether a synchronous call contains the audio, or names a presigned URL of it."""

from __future__ import annotations

import base64

from dashscribe.domain.jobs.job import Job
from dashscribe.domain.recognition.catalogue import ModelSpec, RequestShape
from dashscribe.domain.recognition.media import key_refusal
from dashscribe.domain.recognition.options import Options

MIME_TYPES = {
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "mpeg": "video/mpeg",
}
"""The media types of formats whose type is not `audio/<format>`."""


def with_inline_audio(job: Job) -> Job:
    """The vendor cannot download the recording: the next call contains it."""
    return job.model_copy(update={"send_inline": True})


def sends_inline(job: Job, options: Options) -> bool:
    """Whether a call must contain the audio, and no URL of it."""
    return options.send == "inline" or job.send_inline or key_refusal(job.media) is not None


def data_url(media: bytes, media_format: str, spec: ModelSpec) -> str:
    """Return the recording as a data URL, which takes the place of its URL in a synchronous call.

    Qwen-Omni's has no media type, because its request names the format (docs/vendor-api.md#qwen-omni).
    """
    mime_type = MIME_TYPES.get(media_format, f"audio/{media_format}")
    if spec.shape is RequestShape.PROMPTED_AUDIO:
        mime_type = ""
    return f"data:{mime_type};base64,{base64.b64encode(media).decode()}"
