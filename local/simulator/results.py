"""Convert the recogniser's result to the result document of a request (docs/vendor-api.md#result-file).

The recogniser returns Fun-ASR's format. It supports English only, and no emotions.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from dashscribe.domain.recognition.catalogue import ModelSpec, RequestShape
from local.simulator.recognition import RecognitionError, build_transcript
from local.simulator.scenario import decode_path
from local.simulator.word_filter import filter_words, read_word_filter

LANGUAGE = "en"
EMOTION = "neutral"


def task_document(spec: ModelSpec, url: str, recognised: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the result JSON of one file of a task. Raises `RecognitionError` if the word filter removes every word."""
    if spec.shape is RequestShape.FILE_URL:
        return qwen3_document(url, recognised, parameters)
    replaced, removed = read_word_filter(parameters.get("special_word_filter"))
    if replaced or removed:
        recognised = _filtered(recognised, replaced, removed)
    if spec.family == "paraformer":
        recognised = _paraformer_document(recognised)
    return recognised


def _filtered(recognised: dict[str, Any], replaced: list[str], removed: list[str]) -> dict[str, Any]:
    transcripts = []
    for transcript in recognised["transcripts"]:
        filter_words(transcript["sentences"], replaced, removed)
        if transcript["sentences"]:
            transcripts.append(build_transcript(transcript["channel_id"], transcript["sentences"]))
    if not transcripts:
        raise RecognitionError("ASR_RESPONSE_HAVE_NO_WORDS")
    return {**recognised, "transcripts": transcripts}


def _paraformer_document(recognised: dict[str, Any]) -> dict[str, Any]:
    """Move the blanks to the end of the words: "Hello ", "world" (docs/vendor-api.md#word-text). The text of a sentence
    ends with its punctuation."""
    transcripts = []
    for transcript in recognised["transcripts"]:
        sentences = [
            {**sentence, "text": sentence["text"].strip(), "words": _with_trailing_blanks(sentence["words"], " ")}
            for sentence in transcript["sentences"]
        ]
        text = " ".join(sentence["text"] for sentence in sentences)
        transcripts.append({**transcript, "text": text, "sentences": sentences})
    return {**recognised, "transcripts": transcripts}


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
            "format": _file_format(url, recognised["properties"]["audio_format"]),
            "sample_rate": recognised["properties"]["original_sampling_rate"],
        },
        "transcripts": transcripts,
    }


def _file_format(url: str, codec: str) -> str:
    """Return the format by the URL's file extension, or by the codec if there is no extension."""
    extension = PurePosixPath(decode_path(url)).suffix.removeprefix(".").lower()
    return extension or ("wav" if codec.startswith("pcm_") else codec)


def _with_trailing_blanks(words: list[dict[str, Any]], after_punctuation: str = "") -> list[dict[str, Any]]:
    """Move the blanks to the end of the words: "Senior ", "staff" (docs/vendor-api.md#word-text)."""
    converted = []
    for number, word in enumerate(words, 1):
        text, punctuation, is_last = word["text"].strip(), word["punctuation"].strip(), number == len(words)
        if not is_last:
            text, punctuation = (text, punctuation + after_punctuation) if punctuation else (f"{text} ", "")
        converted.append({**word, "text": text, "punctuation": punctuation})
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
        "text": sentence["text"] if ended else _join_recognised(recognised),
        "words": [{**word, "fixed": ended} for word in recognised],
    }


def _join_recognised(words: list[dict[str, Any]]) -> str:
    """The punctuation of the last word is not known yet."""
    return "".join(word["text"] + word["punctuation"] for word in words[:-1]) + str(words[-1]["text"])
