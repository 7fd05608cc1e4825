"""The outputs: files that are rendered from the neutral transcript. `OUTPUTS` is the only list of them.

A new output is one function and one row here. The schemas and docs/outputs.md are generated from the table.
The modules that render are imported when they are used, because most functions need only the names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dashscribe.domain.transcripts.script_rules import SubtitleOptions

if TYPE_CHECKING:
    from dashscribe.domain.transcripts.cues import Subtitles
    from dashscribe.domain.transcripts.transcript import Transcript


@dataclass
class RenderContext:
    """What the files show beyond the transcript. `date` is the day of the upload: `2026-01-31`.

    `outputs` are the names of all files of the transcript, so that one file can link to another.
    """

    subtitle_options: SubtitleOptions = field(default_factory=SubtitleOptions)
    date: str | None = None
    outputs: Sequence[str] = ()
    _subtitles: Subtitles | None = None

    def subtitles(self, transcript: Transcript) -> Subtitles:
        """The cues, which several files need. They are made once."""
        from dashscribe.domain.transcripts.cues import subtitles

        if self._subtitles is None:
            self._subtitles = subtitles(transcript, self.subtitle_options)
        return self._subtitles

    @property
    def has_subtitles(self) -> bool:
        """Whether a file with subtitles was rendered."""
        return self._subtitles is not None

    @property
    def subtitle_warnings(self) -> dict[str, int]:
        """The counts of `Subtitles.warnings`; empty while no subtitles are rendered."""
        return self._subtitles.warnings if self._subtitles else {}


@dataclass(frozen=True)
class Output:
    """One row: the file `transcript.<name>`. `event_key` is the file's key in `result.files` of an event."""

    name: str
    content_type: str
    description: str
    render: Callable[[Transcript, RenderContext], bytes]
    event_key: str

    @property
    def file_name(self) -> str:
        return f"transcript.{self.name}"


NO_TIMES = "The model gives no times, so there are no subtitles."
"""The text of a subtitle file that has no cues although there is speech."""


def _txt(transcript: Transcript, context: RenderContext) -> bytes:
    from dashscribe.domain.transcripts.plain_text import plain_text

    return plain_text(transcript, context.subtitle_options.speakers).encode()


def _srt(transcript: Transcript, context: RenderContext) -> bytes:
    from dashscribe.domain.transcripts.subtitle_files import srt

    return srt(context.subtitles(transcript).cues).encode()


def _vtt(transcript: Transcript, context: RenderContext) -> bytes:
    from dashscribe.domain.transcripts.subtitle_files import vtt

    subtitles = context.subtitles(transcript)
    return vtt(subtitles.cues, subtitles.language, note=_note(transcript, subtitles)).encode()


def _ttml(transcript: Transcript, context: RenderContext) -> bytes:
    from dashscribe.domain.transcripts.ttml import ttml

    subtitles = context.subtitles(transcript)
    title, note = recording_name(transcript), _note(transcript, subtitles)
    return ttml(subtitles.cues, subtitles.language, title=title, note=note).encode()


def _note(transcript: Transcript, subtitles: Subtitles) -> str:
    return NO_TIMES if transcript.text and not subtitles.cues else ""


def _html(transcript: Transcript, context: RenderContext) -> bytes:
    from dashscribe.domain.transcripts.player_page import player_page
    from dashscribe.domain.transcripts.turns import clock

    facts = {
        "Date": context.date,
        "Length": clock(transcript.duration_ms) if transcript.duration_ms else None,
        "Model": transcript.model,
        "Languages": ", ".join(transcript.languages),
    }
    return player_page(
        transcript,
        title=recording_name(transcript),
        facts={name: fact for name, fact in facts.items() if fact},
        speaker_names=context.subtitle_options.speakers,
    )


def _md(transcript: Transcript, context: RenderContext) -> bytes:
    from dashscribe.domain.transcripts.markdown import markdown

    return markdown(
        transcript,
        context.subtitle_options.speakers,
        date=context.date,
        languages=transcript.languages,
        player=OUTPUTS["html"].file_name if "html" in context.outputs else None,
    ).encode()


def _whisper_json(transcript: Transcript, context: RenderContext) -> bytes:
    from dashscribe.domain.transcripts.whisper_json import whisper_json

    return whisper_json(transcript, context.subtitle_options.speakers)


def _aws_transcribe_json(transcript: Transcript, context: RenderContext) -> bytes:
    from dashscribe.domain.transcripts.aws_transcribe_json import aws_transcribe_json

    return aws_transcribe_json(transcript)


_JSON = "application/json"

OUTPUTS: dict[str, Output] = {
    output.name: output
    for output in (
        Output("txt", "text/plain; charset=utf-8", "the text in paragraphs, with turns", _txt, event_key="text"),
        Output("srt", "application/x-subrip; charset=utf-8", "subtitles as SubRip", _srt, event_key="srt"),
        Output("vtt", "text/vtt; charset=utf-8", "subtitles as WebVTT", _vtt, event_key="vtt"),
        Output(
            "html",
            "text/html; charset=utf-8",
            "the player page: read, listen, search, correct and export, without a network",
            _html,
            event_key="html",
        ),
        Output("md", "text/markdown; charset=utf-8", "title, facts and text as Markdown", _md, event_key="md"),
        Output(
            "whisper_json",
            _JSON,
            "segments and words as Whisper writes them, for subtitle editors, pysubs2 and stable-ts",
            _whisper_json,
            event_key="whisper_json",
        ),
        Output(
            "aws_transcribe_json",
            _JSON,
            "items and segments as Amazon Transcribe writes them",
            _aws_transcribe_json,
            event_key="aws_transcribe_json",
        ),
        Output("ttml", "application/ttml+xml", "subtitles as TTML (IMSC 1.1, text profile)", _ttml, event_key="ttml"),
    )
}
DEFAULT_OUTPUTS = ("txt", "srt", "vtt", "html")
FIRST_OUTPUTS = ("txt", "srt", "vtt")
"""The outputs of the jobs that were recorded before outputs could be chosen."""


def ordered_outputs(names: Iterable[str]) -> tuple[str, ...]:
    """The names once each, in the order of the table. Raises `ValueError` that names what is unknown and allowed."""
    given = list(names)
    unknown = [name for name in given if name not in OUTPUTS]
    if unknown:
        raise ValueError(f"{', '.join(map(repr, unknown))} is not an output; allowed are {', '.join(OUTPUTS)}")
    return tuple(name for name in OUTPUTS if name in given)


def parse_outputs(text: str) -> tuple[str, ...]:
    """Read names that are separated by commas. Raises `ValueError`, also without any name."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ValueError(f"no output is named; allowed are {', '.join(OUTPUTS)}")
    return ordered_outputs(names)


def recording_name(transcript: Transcript) -> str:
    """The recording's file name, which is the title of a transcript."""
    return transcript.media.rstrip("/").rpartition("/")[2] or "Transcript"
