"""Who speaks: voices, and the names by which people read them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from dashscribe.domain.transcripts.script_rules import cells
from dashscribe.domain.transcripts.transcript import Sentence, Transcript

UNKNOWN = "Unknown speaker"
LABEL_CELLS = 22
"""A longer name is cut in subtitles, so that the line has room for what is said."""


@dataclass(frozen=True, slots=True, order=True)
class Voice:
    """A speaker of a channel. `speaker` is -1 where the model tells none apart."""

    channel_id: int
    speaker: int = -1


def voice_of(channel_id: int, sentence: Sentence) -> Voice:
    """The voice of a sentence. A negative speaker number means that the model does not tell the speaker."""
    speaker = sentence.speaker
    return Voice(channel_id, speaker if speaker is not None and speaker >= 0 else -1)


def voice_names(transcript: Transcript, names: Mapping[str, str]) -> dict[Voice, str]:
    """The name of each voice that speaks, or "" for each where there is one voice only.

    Speakers and channels count from 1. `names` replaces numbers by names: the key "2" is Speaker 2, or Channel 2 where
    channels are the voices; "1.2" is Speaker 2 of Channel 1. A name has no line breaks and no control characters.
    """
    voices = sorted(
        {
            voice_of(channel.channel_id, sentence)
            for channel in transcript.channels
            for sentence in channel.sentences
            if sentence.text.strip()
        }
        | {Voice(part.channel_id) for part in transcript.channels if part.text.strip() and not part.sentences}
    )
    return {voice: _name(voice, voices, names) if len(voices) > 1 else "" for voice in voices}


def _name(voice: Voice, voices: list[Voice], names: Mapping[str, str]) -> str:
    channels = {other.channel_id for other in voices}
    speakers = {other.speaker for other in voices if other.channel_id == voice.channel_id}
    channel, speaker = str(voice.channel_id + 1), str(voice.speaker + 1)
    if len(channels) > 1 and len(speakers) == 1:
        return _clean(names.get(channel, "")) or f"Channel {channel}"
    if voice.speaker < 0:
        return UNKNOWN if len(channels) == 1 else f"Channel {channel}, {UNKNOWN.lower()}"
    named = names.get(f"{channel}.{speaker}", "") or (names.get(speaker, "") if len(channels) == 1 else "")
    numbered = f"Speaker {speaker}" if len(channels) == 1 else f"Channel {channel}, Speaker {speaker}"
    return _clean(named) or numbered


def _clean(name: str) -> str:
    """The name on one line, without invisible control characters (which could turn the direction of the text)."""
    visible = "".join(" " if sign.isspace() else sign for sign in name)
    return " ".join("".join(sign for sign in visible if not _is_control(sign)).split())


def _is_control(sign: str) -> bool:
    turns_direction = "\u202a" <= sign <= "\u202e" or "\u2066" <= sign <= "\u2069"
    return turns_direction or unicodedata.category(sign) in ("Cc", "Cs")


def short(name: str) -> str:
    """A name that fits into a subtitle line: cut after whole characters, with an ellipsis."""
    if cells(name) <= LABEL_CELLS:
        return name
    kept = name
    while cells(kept) > LABEL_CELLS - 1:
        kept = kept[:-1]
    while kept and unicodedata.category(name[len(kept)]) in ("Mn", "Mc", "Me", "Cf"):
        kept = kept[:-1]
    return kept.rstrip() + "…"
