"""What was heard, as the families beside Fun-ASR write it (docs/vendor-api.md#qwen3-asr-result-file).

The recogniser speaks Fun-ASR's dialect (6.1). It knows English only, and no feelings.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from local.simulator.play import decoded_path

LANGUAGE = "en"
EMOTION = "neutral"


def qwen3_document(url: str, heard: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """The result JSON of qwen3-asr-flash-filetrans: sentences from 0, words only on request, with trailing blanks."""
    language = parameters.get("language") or LANGUAGE
    transcripts = []
    for transcript in heard["transcripts"]:
        sentences = [
            {
                "sentence_id": number,
                "begin_time": sentence["begin_time"],
                "end_time": sentence["end_time"],
                "language": language,
                "emotion": EMOTION,
                "text": sentence["text"].strip(),
                **({"words": _trailing_blanks(sentence["words"])} if parameters.get("enable_words") else {}),
            }
            for number, sentence in enumerate(transcript["sentences"])
        ]
        text = " ".join(sentence["text"] for sentence in sentences)
        transcripts.append({"channel_id": transcript["channel_id"], "text": text, "sentences": sentences})
    return {
        "file_url": url,
        "audio_info": {
            "format": PurePosixPath(decoded_path(url)).suffix.removeprefix("."),
            "sample_rate": heard["properties"]["original_sampling_rate"],
        },
        "transcripts": transcripts,
    }


def _trailing_blanks(words: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """ "Senior ", then "staff" and "," (docs/vendor-api.md#qwen3-asr-result-file)."""
    written = []
    for number, word in enumerate(words, 1):
        punctuation = word["punctuation"].strip()
        blank = "" if punctuation or number == len(words) else " "
        written.append({**word, "text": word["text"].strip() + blank, "punctuation": punctuation})
    return written


def flash_sentence(sentence: dict[str, Any], words: int, *, ended: bool) -> dict[str, Any]:
    """A sentence of fun-asr-flash, its first `words` words heard so far."""
    heard = sentence["words"][:words]
    return {
        "sentence_id": sentence["sentence_id"],
        "sentence_end": ended,
        "begin_time": sentence["begin_time"],
        "end_time": sentence["end_time"] if ended else heard[-1]["end_time"],
        "channel_id": 0,
        "text": sentence["text"] if ended else "".join(word["text"] for word in heard),
        "words": [{**word, "fixed": ended} for word in heard],
    }
