"""Convert the recogniser's result to the formats of other model families (docs/vendor-api.md#qwen3-asr-result-file).

The recogniser returns Fun-ASR's format (docs/vendor-api.md#result-file). It supports English only, and no emotions.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from local.simulator.scenario import decode_path

LANGUAGE = "en"
EMOTION = "neutral"


def qwen3_document(url: str, recognised: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the result JSON of qwen3-asr-flash-filetrans.

    Sentences are counted from 0. Words are included on request only, and have trailing blanks.
    """
    language = parameters.get("language") or LANGUAGE
    transcripts = []
    for transcript in recognised["transcripts"]:
        sentences = [
            {
                "sentence_id": number,
                "begin_time": sentence["begin_time"],
                "end_time": sentence["end_time"],
                "language": language,
                "emotion": EMOTION,
                "text": sentence["text"].strip(),
                **({"words": _with_trailing_blanks(sentence["words"])} if parameters.get("enable_words") else {}),
            }
            for number, sentence in enumerate(transcript["sentences"])
        ]
        text = " ".join(sentence["text"] for sentence in sentences)
        transcripts.append({"channel_id": transcript["channel_id"], "text": text, "sentences": sentences})
    return {
        "file_url": url,
        "audio_info": {
            "format": PurePosixPath(decode_path(url)).suffix.removeprefix("."),
            "sample_rate": recognised["properties"]["original_sampling_rate"],
        },
        "transcripts": transcripts,
    }


def _with_trailing_blanks(words: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Move the blanks to the end of the words: "Senior ", "staff" (docs/vendor-api.md#qwen3-asr-result-file)."""
    converted = []
    for number, word in enumerate(words, 1):
        punctuation = word["punctuation"].strip()
        blank = "" if punctuation or number == len(words) else " "
        converted.append({**word, "text": word["text"].strip() + blank, "punctuation": punctuation})
    return converted


def build_flash_sentence(sentence: dict[str, Any], words: int, *, ended: bool) -> dict[str, Any]:
    """Return a sentence of fun-asr-flash after its first `words` words."""
    recognised = sentence["words"][:words]
    return {
        "sentence_id": sentence["sentence_id"],
        "sentence_end": ended,
        "begin_time": sentence["begin_time"],
        "end_time": sentence["end_time"] if ended else recognised[-1]["end_time"],
        "channel_id": 0,
        "text": sentence["text"] if ended else "".join(word["text"] for word in recognised),
        "words": [{**word, "fixed": ended} for word in recognised],
    }
