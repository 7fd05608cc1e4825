"""A valid result of every model family, with any one value replaced by any JSON value, still gives every file."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashscribe.domain.recognition.catalogue import CATALOGUE
from dashscribe.domain.recognition.synchronous_replies import read_recognition, read_usage
from dashscribe.domain.recognition.task_replies import FRAMES
from dashscribe.domain.transcripts.output_files import transcript_files
from dashscribe.domain.transcripts.outputs import DEFAULT_OUTPUTS, RenderContext
from dashscribe.domain.transcripts.result_files import result_folder
from dashscribe.domain.transcripts.transcript import neutral
from dashscribe.domain.transcripts.vendor_result import VendorResult

Place = tuple[str | int, ...]
DOCUMENTS = Path(__file__).parent / "documented_replies"
FILES = result_folder("results", "talk.mp3", "j").files
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, -1, 0, 7, 1.5, 10**30, -(10**30), 1e308, float("nan"), float("inf"), "", "x", "7", "-7.25",
    "\ud83d", "\u200b", "x" * 5_000, [], [None], [[]], [7, "x", {}], {}, {"x": None},
)  # fmt: skip


def _spoken(number: int, text: str, *words: str) -> dict[str, Any]:
    begin = number * 2_000
    return {
        "sentence_id": number,
        "sentence_end": True,
        "begin_time": begin,
        "end_time": begin + 900,
        "text": text,
        "speaker_id": number % 2,
        "words": [
            {"begin_time": begin + 100 * index, "end_time": begin + 100 * index + 90, "text": word, "punctuation": ""}
            for index, word in enumerate(words)
        ],
    }


SENTENCES = [
    _spoken(1, "One two. ", "One", " two. "),
    _spoken(2, "Three four. ", "Three", " four. "),
    _spoken(3, "五六。", "五六。"),
]
TEXT = "One two. Three four. 五六。"
TWO_CHANNELS = {
    "file_url": "https://x",
    "properties": {"original_duration_in_milliseconds": 9_000, "channels": [0, 1]},
    "transcripts": [
        {"channel_id": 0, "content_duration_in_milliseconds": 900, "text": TEXT, "sentences": SENTENCES},
        {
            "channel_id": 1,
            "content_duration_in_milliseconds": 900,
            "text": "Seven.",
            "sentences": [_spoken(1, "Seven.", "Seven.")],
        },
    ],
}
FLASH_STREAM = {
    FRAMES: [
        {
            "output": {
                "text": "".join(spoken["text"] for spoken in SENTENCES[:number]),
                "sentence": SENTENCES[number - 1],
            },
            "usage": {"duration": number},
        }
        for number in (1, 2, 3)
    ]
}
FLASH = {"output": {"text": TEXT, "sentences": SENTENCES}, "usage": {"duration": 3}}
DOCUMENTED_NAMES = (
    "000_fun_asr_first_result",
    "002_paraformer_second_result",
    "004_filetrans_result",
    "004_native_reply",
    "004_openai_reply",
)
DOCUMENTED = {name: json.loads((DOCUMENTS / f"{name}.json").read_bytes()) for name in DOCUMENTED_NAMES}
CHAT_STREAM = {
    FRAMES: [
        json.loads(line.removeprefix("data: "))
        for line in (DOCUMENTS / "004_openai_stream.txt").read_text().splitlines()
        if line.startswith("data: {")
    ]
    + [{"choices": [], "usage": {"prompt_tokens": 42, "completion_tokens": 12, "total_tokens": 54}}]
}
"""Its last two events are the end of the text and the usage."""
FAMILIES: dict[str, Any] = {
    **DOCUMENTED,
    "channels": TWO_CHANNELS,
    "flash": FLASH,
    "flash stream": FLASH_STREAM,
    "chat stream": CHAT_STREAM,
}
DOCUMENTS_OF_FAMILY = {
    "fun-asr": ("000_fun_asr_first_result", "channels"),
    "paraformer": ("002_paraformer_second_result",),
    "qwen-audio-filetrans": ("channels",),
    "qwen3-asr-filetrans": ("004_filetrans_result",),
    "qwen3-asr-flash": ("004_native_reply", "004_openai_reply", "chat stream"),
    "fun-asr-flash": ("flash", "flash stream"),
    "qwen-audio-flash": ("flash", "flash stream"),
    "qwen-omni": ("chat stream",),
}


def _places(value: object, path: Place = ()) -> Iterator[Place]:
    yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in entries:
        yield from _places(entry, (*path, key))


def _with(document: object, path: Place, value: object) -> Any:
    changed = copy.deepcopy(document)
    container: Any = changed
    for key in path[:-1]:
        container = container[key]
    container[path[-1]] = value
    return changed


def _files_of(document: dict[str, Any]) -> dict[str, str]:
    is_result = "transcripts" in document
    result = VendorResult.model_validate(document) if is_result else read_recognition(document)
    usage = None if is_result else read_usage(document)
    assert usage is None or usage.billed_seconds is None or usage.billed_seconds >= 0
    transcript = neutral(result, job_id="j", model="m", media="s3://media/talk.mp3")
    assert len(result.odd_values.pointers) <= 10
    context = RenderContext(outputs=DEFAULT_OUTPUTS)
    return {file.key.rpartition(".")[2]: file.body.decode() for file in transcript_files(transcript, FILES, context)}


def _is_about_the_whole(family: str, path: Place) -> bool:
    """Values without which no text is left, or that say that the text is incomplete."""
    if family in ("004_native_reply", "004_openai_reply"):
        return not {"annotations", "usage"} & set(path)
    if family == "chat stream" and path[:2] == (FRAMES, len(CHAT_STREAM[FRAMES]) - 2):
        return not {"usage"} & set(path)
    return path in ((), ("transcripts",), ("output",), (FRAMES,))


def _sayings(family: str) -> dict[Place, str]:
    """The texts of the sentences of a document by their paths."""
    if family in ("004_native_reply", "004_openai_reply"):
        return {("the text",): "Welcome to Alibaba Cloud."}
    if family == "chat stream":
        pieces = [frame["choices"][0]["delta"].get("content") for frame in CHAT_STREAM[FRAMES][:-1]]
        return {(FRAMES, n, "choices", 0, "delta", "content"): piece for n, piece in enumerate(pieces) if piece}
    if family == "flash stream":
        return {(FRAMES, n, "output", "sentence"): s["text"] for n, s in enumerate(SENTENCES)}
    if family == "flash":
        return {("output", "sentences", n): s["text"] for n, s in enumerate(SENTENCES)}
    return {
        ("transcripts", t, "sentences", n): sentence["text"]
        for t, track in enumerate(FAMILIES[family].get("transcripts", []))
        for n, sentence in enumerate(track["sentences"])
    }


def _squeezed(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def _check(family: str, path: Place, value: object) -> None:
    files = _files_of(_with(FAMILIES[family], path, value))
    assert set(files) == {"json", "txt", "srt", "vtt", "html"}
    # A sentence that a later frame contradicts takes the times away from all of the text.
    is_revised = family.startswith("flash") and path[-1:] == ("text",) and isinstance(value, str)
    has_times = family not in ("004_native_reply", "004_openai_reply", "chat stream")
    for place, text in _sayings(family).items():
        part = path[len(place) :][:1] if path[: len(place)] == place else None
        if part in ((), ("text",)) or place[: len(path)] == path:
            continue  # the value is this text, or contains it
        is_timed = has_times and not is_revised and part not in (("words",), ("sentence_end",))
        for name in ("json", "txt", "srt") if is_timed else ("json", "txt"):
            found = _squeezed(files[name])
            parts = text.split() if name == "srt" else [text]
            assert all(_squeezed(part) in found for part in parts), (name, text, path, value)


def _is_in_the_middle(family: str, path: Place) -> bool:
    """Of three sentences of one shape, the first and the last are enough. Values in the second are drawn at random."""
    return family in ("channels", "flash", "flash stream") and not {("sentences", 1), (FRAMES, 1)}.isdisjoint(
        pairwise(path)
    )


CASES = [
    (family, path)
    for family, document in FAMILIES.items()
    for path in _places(document)
    if not _is_about_the_whole(family, path)
]


def test_every_model_family_has_a_document() -> None:
    assert set(DOCUMENTS_OF_FAMILY) == {spec.family for spec in CATALOGUE.values()}
    assert {name for names in DOCUMENTS_OF_FAMILY.values() for name in names} == set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_one_odd_value_leaves_every_file_with_the_rest_of_the_text(family: str) -> None:
    for each, path in CASES:
        if each == family and not _is_in_the_middle(family, path):
            for value in ODD_VALUES:
                _check(family, path, value)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(CASES), JSON)
def test_any_value_in_any_place_leaves_every_file_with_the_rest_of_the_text(
    case: tuple[str, Place], value: object
) -> None:
    _check(*case, value)
