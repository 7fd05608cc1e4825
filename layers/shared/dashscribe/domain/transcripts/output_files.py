"""The files that are rendered from the neutral transcript, with their keys in the results bucket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashscribe.domain.transcripts.outputs import OUTPUTS, RenderContext
from dashscribe.domain.transcripts.result_files import ResultFiles

if TYPE_CHECKING:
    from dashscribe.domain.transcripts.transcript import Transcript

JSON = "application/json"


@dataclass(frozen=True)
class OutputFile:
    """One file to store."""

    key: str
    body: bytes | bytearray
    content_type: str


def transcript_files(transcript: Transcript, files: ResultFiles, context: RenderContext) -> Iterator[OutputFile]:
    """`transcript.json` and the outputs of `context`, in the order of the table.

    Each is rendered when it is stored, because together they take several times the memory of a long transcript.
    """
    from dashscribe.domain.transcripts.transcript import transcript_json

    yield OutputFile(files.transcript, transcript_json(transcript), JSON)
    for name in context.outputs:
        output = OUTPUTS[name]
        yield OutputFile(files[output.event_key], output.render(transcript, context), output.content_type)
