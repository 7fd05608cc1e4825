"""Result files and usage differ by model family and by parameter (docs/vendor-api.md#result-file)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

SECONDS_OF_THE_WALK = 2.4

Submit = Callable[..., str]
Until = Callable[..., dict[str, Any]]


@pytest.fixture
def transcribe(
    submit: Submit, until: Until, configure: Callable[..., None], media_url: str, http: httpx.Client
) -> Callable[..., tuple[dict[str, Any], dict[str, Any]]]:
    """Run a task, and return its reply and the result of its only file: `transcribe("fun-asr", "interview.mp3")`."""
    configure(behaviour={"queue_seconds": 0})

    def run(model: str, name: str, **parameters: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        url = f"{media_url}/{name}"
        given = {"file_url": url} if model.startswith("qwen3") else {"file_urls": [url]}
        reply = until(submit(body={"model": model, "input": given, "parameters": parameters}))
        output = reply["output"]
        result = output.get("result") or output["results"][0]
        document: dict[str, Any] = http.get(result["transcription_url"]).raise_for_status().json()
        return reply, document

    return run


@pytest.fixture
def stereo(media_folder: Path, walk_pcm: bytes, as_wav: Callable[..., bytes]) -> str:
    """The name of a file with two channels."""
    samples = b"".join(walk_pcm[at : at + 2] * 2 for at in range(0, len(walk_pcm), 2))
    (media_folder / "two-channels.wav").write_bytes(as_wav(samples, channels=2))
    return "two-channels.wav"


# speakers


def test_diarization_tells_the_voices_of_a_conversation_apart(transcribe: Callable[..., Any], samples: Path) -> None:
    _, document = transcribe("fun-asr", "interview.mp3", diarization_enabled=True)
    sentences = document["transcripts"][0]["sentences"]
    (sample,) = (sample for sample in json.loads((samples / "samples.json").read_text()) if "turns" in sample)
    voices = [turn["voice"] for turn in sample["turns"]]
    speakers = [sentence["speaker_id"] for sentence in sentences]
    turns = [now for before, now in zip([None, *speakers], speakers, strict=False) if now != before]
    assert turns == [voices.index(voice) for voice in voices] == [0, 1, 0, 1]


def test_speakers_are_given_on_request_only(transcribe: Callable[..., Any], configure: Callable[..., None]) -> None:
    configure(scripts=[{"match": "scripted", "answers": [{"text": "hello world"}]}])
    speakers = []
    for parameters in ({}, {"diarization_enabled": False}, {"diarization_enabled": True}):
        _, document = transcribe("paraformer-v2", "scripted.wav", **parameters)
        speakers.append(document["transcripts"][0]["sentences"][0].get("speaker_id"))
    assert speakers == [None, None, 0]


def test_one_voice_is_one_speaker(transcribe: Callable[..., Any]) -> None:
    _, document = transcribe("fun-asr", "morning-walk.wav", diarization_enabled=True)
    assert {sentence["speaker_id"] for sentence in document["transcripts"][0]["sentences"]} == {0}


# word filter


@pytest.mark.parametrize("as_text", [True, False])
def test_words_are_replaced_and_removed(
    as_text: bool, transcribe: Callable[..., Any], configure: Callable[..., None]
) -> None:
    """Pages of the vendor show both forms of the parameter (docs/vendor-api.md#sensitive-word-filter)."""
    configure(
        behaviour={"strict": False}, scripts=[{"match": "scripted", "answers": [{"text": "Help me test this code"}]}]
    )
    filters = {"filter_with_signed": {"word_list": ["test"]}, "filter_with_empty": {"word_list": ["me"]}}
    given = json.dumps(filters) if as_text else filters
    _, document = transcribe("fun-asr", "scripted.wav", special_word_filter=given)
    assert document["transcripts"][0]["text"] == "Help **** this code"


# words


@pytest.mark.parametrize(
    ("model", "words"),
    [("fun-asr", ["hello|", " new|,", " world|."]), ("paraformer-v2", ["hello |", "new|, ", "world|."])],
)
def test_blanks_are_where_the_model_puts_them(
    model: str, words: list[str], transcribe: Callable[..., Any], configure: Callable[..., None]
) -> None:
    """docs/vendor-api.md#word-text."""
    configure(scripts=[{"match": "scripted", "answers": [{"text": "hello new, world."}]}])
    _, document = transcribe(model, "scripted.wav")
    (sentence,) = document["transcripts"][0]["sentences"]
    assert [f"{word['text']}|{word['punctuation']}" for word in sentence["words"]] == words
    assert sentence["text"] == "".join(word["text"] + word["punctuation"] for word in sentence["words"])


def test_the_sentences_of_paraformer_end_with_their_punctuation(transcribe: Callable[..., Any]) -> None:
    _, document = transcribe("paraformer-v2", "morning-walk.wav")
    (transcript,) = document["transcripts"]
    for sentence in transcript["sentences"]:
        assert sentence["text"].endswith(".")
        assert sentence["text"] == "".join(word["text"] + word["punctuation"] for word in sentence["words"])
    assert transcript["text"] == " ".join(sentence["text"] for sentence in transcript["sentences"])


# usage


def test_each_channel_of_a_task_of_several_files_counts_its_speech(transcribe: Callable[..., Any], stereo: str) -> None:
    one, _ = transcribe("fun-asr", stereo, channel_id=[0])
    both, document = transcribe("fun-asr", stereo, channel_id=[0, 1])
    assert both["usage"]["duration"] == 2 * one["usage"]["duration"]
    speech = [transcript["content_duration_in_milliseconds"] for transcript in document["transcripts"]]
    assert both["usage"]["duration"] == sum(-(-milliseconds // 1000) for milliseconds in speech)


def test_a_task_of_one_file_reports_the_full_seconds_of_the_recording(
    transcribe: Callable[..., Any], stereo: str
) -> None:
    """Two channels are two charges, but `usage.seconds` is the duration of the audio (docs/vendor-api.md#usage)."""
    for channels in ([0], [0, 1]):
        reply, document = transcribe("qwen3-asr-flash-filetrans", stereo, channel_id=channels)
        assert reply["usage"] == {"seconds": int(SECONDS_OF_THE_WALK)}
        assert len(document["transcripts"]) == len(channels)


def test_the_audio_facts_are_those_of_the_file(transcribe: Callable[..., Any]) -> None:
    _, document = transcribe("qwen3-asr-flash-filetrans", "meeting.mp3")
    assert document["audio_info"] == {"format": "mp3", "sample_rate": 22050}
