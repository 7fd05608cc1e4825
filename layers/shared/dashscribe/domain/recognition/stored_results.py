"""Reads a stored `result.json` of any model family into the neutral transcript."""

from __future__ import annotations

from dashscribe.domain.recognition.synchronous_replies import read_recognition
from dashscribe.domain.transcripts.transcript import Transcript, empty, neutral
from dashscribe.domain.transcripts.vendor_result import VendorResult
from dashscribe.errors import UnknownResult, VendorError

_NOTE_OF_SILENCE = {"file_url", "code", "message"}
"""The fields of the note that is stored for a recording without speech. Nothing else consists of these only."""


def read_result(document: object, *, job_id: str, model: str, media: str) -> Transcript:
    """Return the transcript of a parsed `result.json`. Raises `UnknownResult` with a sentence for people.

    The shapes are: the result file of an asynchronous model, the reply of a synchronous one, `{"frames": […]}` for a
    streamed reply, and a note with a code for a recording without speech.
    """
    if not isinstance(document, dict):
        raise UnknownResult("The file is no result of DashScope: it is JSON, but not an object.")
    if isinstance(document.get("code"), str) and document.keys() <= _NOTE_OF_SILENCE:
        return empty(job_id=job_id, model=model, media=media)
    try:
        result = VendorResult.model_validate(document) if "transcripts" in document else read_recognition(document)
    except VendorError as error:
        raise UnknownResult(f"The file is no complete result of DashScope: {error.message}") from error
    if result.is_unreadable:
        raise UnknownResult(f"The result has no readable text: {', '.join(result.odd_values.pointers)} is unknown.")
    return neutral(result, job_id=job_id, model=model, media=media)
