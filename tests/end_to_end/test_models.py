"""One upload for every model through the deployed stack, with options from a profile and from metadata."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from dashscribe.domain.recognition.catalogue import CATALOGUE
from local.recordings import SAMPLES
from tests.end_to_end.conftest import MODEL_PROFILES, Deployment, words

pytestmark = pytest.mark.stack
SPOKEN = "the weather was fine this morning"
"""The words in the first three seconds of the first sample. Half a word follows."""


def requests_about(deployment: Deployment, key: str) -> list[dict[str, Any]]:
    return [asked for asked in deployment.simulator()["recorded"] if f"/{key}?" in json.dumps(asked["body"])]


def beginning(seconds: float) -> bytes:
    """The first seconds of the first sample, as WAV."""
    with wave.open(str(SAMPLES / "morning-walk.wav")) as recording:
        form, frames = recording.getparams(), recording.readframes(int(recording.getframerate() * seconds))
    return as_wav(frames, form.framerate)


def as_wav(frames: bytes, rate: int, width: int = 2) -> bytes:
    body = io.BytesIO()
    with wave.open(body, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(width)
        recording.setframerate(rate)
        recording.writeframes(frames)
    return body.getvalue()


@dataclass(frozen=True)
class Row:
    """One model with its options. `sent` must be in the body of its request; `timing` is that of its transcript."""

    model: str
    sent: dict[str, Any]
    profile: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    timing: str = "words"
    headers: dict[str, str] = field(default_factory=dict)
    operation: str = "submit"

    @property
    def key(self) -> str:
        return f"models/{self.profile or self.model}.wav"

    @property
    def metadata(self) -> dict[str, str]:
        chosen = {"dashscribe-profile": self.profile} if self.profile else {"dashscribe-model": self.model}
        return {**chosen, "dashscribe-parameters": json.dumps(self.parameters)}


FILTER = {"filter_with_signed": {"word_list": ["darn"]}, "system_reserved_filter": False}
FUN_ASR = {"language_hints": ["en"], "channel_id": [0], "diarization_enabled": True, "speaker_count": 2}
PARAFORMER = {"disfluency_removal_enabled": True, "timestamp_alignment_enabled": True}
ITN = {"asr_options": {"language": "en", "enable_itn": True}}


def in_parameters(given: dict[str, Any]) -> dict[str, Any]:
    return {"parameters": given}


ROWS = [
    Row("fun-asr", in_parameters(FUN_ASR), parameters=FUN_ASR),
    Row(
        "fun-asr-2025-11-07",
        in_parameters({"special_word_filter": json.dumps(FILTER), "vocabulary_id": "vocab-1"}),
        profile="filtered",
    ),
    *(
        Row(model, in_parameters({"speech_noise_threshold": 0.5}), parameters={"speech_noise_threshold": 0.5})
        for model in ("fun-asr-2025-08-25", "fun-asr-mtl", "fun-asr-mtl-2025-08-25")
    ),
    *(
        Row(model, in_parameters(PARAFORMER), parameters=PARAFORMER)
        for model in ("paraformer-v2", "paraformer-8k-v2", "paraformer-v1", "paraformer-8k-v1", "paraformer-mtl-v1")
    ),
    Row(
        "qwen3-asr-flash-filetrans",
        in_parameters({"language": "en", "enable_words": True, "text": "A walk"}),
        profile="walk",
        parameters={"enable_words": True},
    ),
    Row(
        "qwen3-asr-flash-filetrans-2025-11-17",
        in_parameters({"enable_itn": True}),
        parameters={"enable_itn": True},
        timing="sentences",
    ),
    *(
        Row(
            model,
            {"parameters": {"vocabulary": {"morning": 5}}},
            parameters={"vocabulary": {"morning": 5}, "context": "A walk"},
        )
        for model in ("qwen-audio-3.0-asr-flash-filetrans", "qwen-audio-3.1-asr-flash-filetrans")
    ),
    *(
        Row(
            model,
            in_parameters({"result_format": "message", **ITN}),
            parameters={**ITN, "context": "A walk"},
            timing="none",
            operation="generate",
        )
        for model in CATALOGUE
        if CATALOGUE[model].family == "qwen3-asr-flash"
    ),
    Row(
        "qwen3-asr-flash",
        in_parameters({"result_format": "message", "incremental_output": True}),
        profile="native-stream",
        timing="none",
        headers={"x-dashscope-sse": "enable"},
        operation="generate",
    ),
    Row(
        "qwen3-asr-flash",
        {**ITN, "stream": False},
        profile="openai-plain",
        parameters=ITN,
        timing="none",
        operation="chat",
    ),
    Row(
        "qwen3-asr-flash",
        {"stream": True, "stream_options": {"include_usage": True}},
        profile="openai-stream",
        timing="none",
        operation="chat",
    ),
    *(
        Row(
            model,
            in_parameters({"format": "wav", "sample_rate": "16000"}),
            parameters={"sample_rate": 16000, "context": "A walk"},
            headers={"x-dashscope-sse": "enable"},
            operation="generate",
        )
        for model in CATALOGUE
        if CATALOGUE[model].shape == "input_audio"
    ),
    Row(
        "fun-asr-flash-2026-06-15",
        in_parameters({"format": "wav"}),
        profile="flash-plain",
        timing="none",  # without a stream only the last sentence is timed, and a part must not look like the whole
        headers={"x-dashscope-sse": "disable"},
        operation="generate",
    ),
    *(
        Row(
            model,
            {"stream": True, "modalities": ["text"]},
            parameters={"prompt": "Write it down."},
            timing="none",
            operation="chat",
        )
        for model in CATALOGUE
        if CATALOGUE[model].family == "qwen-omni"
    ),
    Row("fun-asr-2027-01-01", in_parameters({"channel_id": [0]}), profile="newest"),
]


@pytest.fixture(scope="module")
def ends(deployment: Deployment) -> Iterator[dict[str, dict[str, Any]]]:
    deployment.simulator(behaviour={"extra_models": {"fun-asr-2027-01-01": "fun-asr"}})
    recording = beginning(3)
    for row in ROWS:
        deployment.upload(row.key, recording, row.metadata)
    yield {row.key: deployment.end_of(row.key, 240) for row in ROWS}
    deployment.simulator(behaviour={"extra_models": {}})


def test_every_model_of_the_catalogue_has_a_row() -> None:
    assert set(CATALOGUE) <= {row.model for row in ROWS}
    assert {row.profile for row in ROWS if row.profile} < set(MODEL_PROFILES)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_every_model_transcribes_the_speech_and_ends_in_the_same_way(
    deployment: Deployment, ends: dict[str, dict[str, Any]], row: Row
) -> None:
    event = ends[row.key]
    assert event["detail-type"] == "Transcription Succeeded", event["detail"]["error"]
    assert event["detail"]["model"] == row.model
    text = words(deployment.result(event, "text").decode())
    assert text.startswith(SPOKEN)
    transcript = json.loads(deployment.result(event, "transcript"))
    assert transcript["timing"] == row.timing
    assert deployment.result(event, "vtt").startswith(b"WEBVTT\n")
    assert (b"-->" in deployment.result(event, "srt")) == (row.timing != "none")
    kept = deployment.result(event, "result").decode()
    assert "X-Amz-Signature" not in kept
    options = json.loads(deployment.result(event, "job"))["options"]
    assert {name: options["parameters"][name] for name in row.parameters if name not in ("context", "sample_rate")} == {
        name: value for name, value in row.parameters.items() if name not in ("context", "sample_rate")
    }
    [submitted] = [e for e in deployment.events_of(row.key) if e["detail-type"] == "Transcription Submitted"]
    assert submitted["detail"]["job_id"] == event["detail"]["job_id"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_each_file_is_submitted_once_with_its_options(
    deployment: Deployment, ends: dict[str, dict[str, Any]], row: Row
) -> None:
    assert ends
    [request] = [asked for asked in requests_about(deployment, row.key) if asked["status"] == 200]
    assert request["operation"] == row.operation
    assert request["body"]["model"] == row.model
    for name, value in row.sent.items():
        found = request["body"][name]
        assert ({key: found[key] for key in value} if isinstance(value, dict) else found) == value
    assert {name: request["headers"].get(name) for name in row.headers} == row.headers


@pytest.mark.parametrize(
    ("key", "body"),
    [
        ("models/too-long.wav", as_wav(bytes([128]) * 8000 * 302, 8000, 1)),
        ("models/too-large.wav", as_wav(bytes(2) * 5_300_000, 48000)),
    ],
    ids=["too long", "too large"],
)
def test_a_recording_that_is_too_large_or_long_for_a_synchronous_model_uses_the_fallback(
    deployment: Deployment, key: str, body: bytes
) -> None:
    deployment.simulator(scripts=[{"match": key, "answers": [{"text": "from the fallback"}]}])
    deployment.upload(key, body, {"dashscribe-profile": "fallback"})
    event = deployment.end_of(key)
    assert (event["detail-type"], event["detail"]["model"]) == ("Transcription Succeeded", "qwen3-asr-flash-filetrans")
    asked = [r for r in deployment.simulator()["recorded"] if f"/{key}?" in json.dumps(r["body"])]
    assert [(request["operation"], request["body"]["parameters"]) for request in asked] == [
        ("submit", {"language": "en"})
    ]


def test_without_a_fallback_such_a_recording_is_refused_before_any_call(deployment: Deployment) -> None:
    key = "models/refused.wav"
    deployment.upload(key, as_wav(bytes([128]) * 8000 * 302, 8000, 1), {"dashscribe-model": "qwen3-asr-flash"})
    error = deployment.end_of(key)["detail"]["error"]
    assert (error["code"], error["category"]) == ("AUDIO_DURATION_TOO_LONG", "permanent")
    assert "302 seconds" in error["message"]
    assert requests_about(deployment, key) == []


@pytest.mark.parametrize("kind", ["break_stream", "reset_after"])
def test_a_call_whose_response_breaks_off_is_repeated_and_not_half_kept(deployment: Deployment, kind: str) -> None:
    key = f"models/{kind}.wav"
    deployment.simulator(
        scripts=[{"match": key, "answers": [{"text": "one two three four five six"}]}],
        faults=[{"operation": "generate", "kind": kind, "match": key}],
    )
    deployment.upload(key, beginning(2), {"dashscribe-profile": "native-stream"})
    event = deployment.end_of(key)
    assert deployment.result(event, "text") == b"one two three four five six\n"
    assert len(deployment.events_of(key)) == 2
