"""Writes `transcript.whisper_json`: the JSON of OpenAI's Whisper, which subtitle tools read.

The shape is that of `whisper.transcribe` (https://github.com/openai/whisper): `text`, `language` and `segments` with
`words`. What only a Whisper model knows (tokens, probabilities) is left out. `speaker` is an addition that WhisperX
made common. Times are in seconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dashscribe.domain.transcripts.timed_speech import spoken_sentences
from dashscribe.domain.transcripts.transcript import Transcript
from dashscribe.domain.transcripts.voices import voice_names
from dashscribe.domain.transcripts.word_times import TimedText


def whisper_json(transcript: Transcript, names: Mapping[str, str] | None = None) -> bytes:
    """The transcript as UTF-8 JSON. Without times `segments` is empty, and `text` has everything."""
    labels = voice_names(transcript, names or {})
    segments: list[dict[str, Any]] = []
    blank = ""
    for sentence in spoken_sentences(transcript):
        segment = {
            "id": len(segments),
            "start": sentence.begin_ms / 1000,
            "end": sentence.end_ms / 1000,
            "text": blank + sentence.text,
        }
        if labels[sentence.voice]:
            segment["speaker"] = labels[sentence.voice]
        if sentence.words:
            segment["words"] = _words(sentence.words, blank)
        segments.append(segment)
        blank = " " if sentence.text[-1].isascii() else ""
    language = next(iter(transcript.languages), None)
    document = {"text": transcript.text, "segments": segments, "language": language}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _words(words: Sequence[TimedText], blank: str) -> list[dict[str, Any]]:
    """Whisper writes the blank before a word into the word."""
    written = []
    for word in words:
        text = word.text.strip()
        written.append({"word": blank + text, "start": word.begin_ms / 1000, "end": word.end_ms / 1000})
        blank = " " if word.text.endswith(" ") else ""
    return written
