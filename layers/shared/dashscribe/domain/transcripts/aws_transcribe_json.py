"""Writes `transcript.aws_transcribe_json`: the JSON of Amazon Transcribe, for programs that read it.

The shape is that of a batch job's output
(https://docs.aws.amazon.com/transcribe/latest/dg/how-input.html#how-it-works-output). DashScope gives no confidence.
The field exists because readers need it; it is always 1.0 for a word and 0.0 for punctuation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from dashscribe.domain.transcripts.timed_speech import SpokenSentence, spoken_sentences
from dashscribe.domain.transcripts.transcript import Transcript
from dashscribe.domain.transcripts.voices import Voice

Json = dict[str, Any]


def aws_transcribe_json(transcript: Transcript) -> bytes:
    """The transcript as UTF-8 JSON. Without times there are no items, and `transcripts` has the text."""
    sentences = list(spoken_sentences(transcript))
    voices = sorted({sentence.voice for sentence in sentences})
    speakers = {voice: f"spk_{number}" for number, voice in enumerate(voices)} if len(voices) > 1 else {}
    channels = sorted({channel.channel_id for channel in transcript.channels})
    items: list[Json] = []
    segments: list[Json] = []
    for sentence in sentences:
        labels = _labels(sentence.voice, speakers, channels)
        first = len(items)
        for item in _items(sentence):
            items.append({"id": len(items), **item, **labels})
        segments.append(
            {
                "id": len(segments),
                "transcript": sentence.text,
                **_times(sentence.begin_ms, sentence.end_ms),
                **labels,
                "items": list(range(first, len(items))),
            }
        )
    results: Json = {"transcripts": [{"transcript": transcript.text}], "items": items, "audio_segments": segments}
    if speakers:
        results["speaker_labels"] = _speaker_labels(segments, items, len(speakers))
    if len(channels) > 1:
        results["channel_labels"] = _channel_labels(items, channels)
    document = {"jobName": transcript.job_id, "accountId": "", "status": "COMPLETED", "results": results}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _labels(voice: Voice, speakers: dict[Voice, str], channels: list[int]) -> Json:
    labels = {"speaker_label": speakers[voice]} if speakers else {}
    return {**labels, "channel_label": f"ch_{voice.channel_id}"} if len(channels) > 1 else labels


def _items(sentence: SpokenSentence) -> Iterator[Json]:
    """An item for each word and for the punctuation after it. A sentence without word times is one item."""
    if not sentence.words:
        yield _pronunciation(sentence.text, sentence.begin_ms, sentence.end_ms)
        return
    for word in sentence.words:
        text = word.text.strip()
        end = len(text)
        while end > 1 and not (text[end - 1].isalnum() or text[end - 1] in "%°€$£"):
            end -= 1
        yield _pronunciation(text[:end], word.begin_ms, word.end_ms)
        if text[end:].strip():
            yield {"type": "punctuation", "alternatives": [{"confidence": "0.0", "content": text[end:].strip()}]}


def _pronunciation(text: str, begin_ms: int, end_ms: int) -> Json:
    alternatives = [{"confidence": "1.0", "content": text}]
    return {"type": "pronunciation", "alternatives": alternatives, **_times(begin_ms, end_ms)}


def _times(begin_ms: int, end_ms: int) -> Json:
    """Amazon Transcribe writes seconds as text."""
    return {"start_time": f"{begin_ms / 1000:.3f}", "end_time": f"{end_ms / 1000:.3f}"}


def _speaker_labels(segments: list[Json], items: list[Json], speakers: int) -> Json:
    return {
        "speakers": speakers,
        "segments": [
            {
                "start_time": segment["start_time"],
                "end_time": segment["end_time"],
                "speaker_label": segment["speaker_label"],
                "items": [
                    {name: items[number][name] for name in ("start_time", "end_time", "speaker_label")}
                    for number in segment["items"]
                    if items[number]["type"] == "pronunciation"
                ],
            }
            for segment in segments
        ],
    }


def _channel_labels(items: list[Json], channels: list[int]) -> Json:
    return {
        "channels": [
            {
                "channel_label": f"ch_{channel}",
                "items": [item for item in items if item["channel_label"] == f"ch_{channel}"],
            }
            for channel in channels
        ],
        "number_of_channels": len(channels),
    }
