"""The files of a transcript that people and programs read, rendered from the neutral transcript."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dashscribe.domain.transcripts.readable import cues, plain_text
from dashscribe.domain.transcripts.result_files import ResultFiles
from dashscribe.domain.transcripts.subtitles import srt, vtt
from dashscribe.domain.transcripts.transcript import Transcript

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
SUBRIP = "application/x-subrip; charset=utf-8"
WEBVTT = "text/vtt; charset=utf-8"


@dataclass(frozen=True)
class OutputFile:
    """One file to store."""

    key: str
    body: bytes
    content_type: str


def transcript_files(transcript: Transcript, files: ResultFiles) -> Iterator[OutputFile]:
    """Render one file at a time: together they take several times the memory of a long transcript."""
    yield OutputFile(files.transcript, transcript.model_dump_json().encode(), JSON)
    yield OutputFile(files.text, plain_text(transcript).encode(), TEXT)
    subtitles = cues(transcript)
    yield OutputFile(files.srt, srt(subtitles).encode(), SUBRIP)
    yield OutputFile(files.vtt, vtt(subtitles).encode(), WEBVTT)
