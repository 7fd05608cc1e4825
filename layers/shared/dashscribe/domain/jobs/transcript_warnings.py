"""The warnings of a job that ends with a transcript."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dashscribe.domain.jobs.job import RESULT_PARTLY_UNDERSTOOD, Job, WarningDetail
from dashscribe.domain.recognition.options import find_option_warnings
from dashscribe.domain.recognition.vendor_codes import NO_WORDS
from dashscribe.domain.transcripts.transcript import Transcript


class TranscriptWarnings(NamedTuple):
    """The codes of all warnings, and what some of them are about."""

    codes: list[str]
    details: list[WarningDetail]


def find_transcript_warnings(
    job: Job, transcript: Transcript, odd_values: Sequence[str] = (), silence_code: str = NO_WORDS
) -> TranscriptWarnings:
    """Return the warnings about the options, an empty text and odd values, in this order.

    `odd_values` are the JSON pointers of what was not understood. `silence_code` is the vendor's code for silence.
    """
    details = [WarningDetail(code=RESULT_PARTLY_UNDERSTOOD, pointers=list(odd_values))] if odd_values else []
    codes = find_option_warnings(job.options, transcript.duration_ms)
    if not transcript.text:
        codes.append(silence_code)
    return TranscriptWarnings([*codes, *(detail.code for detail in details)], details)
