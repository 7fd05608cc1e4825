"""The official SDK works with the simulator as it works with DashScope (docs/vendor-api.md#official-sdk)."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import jiwer
import pytest

if TYPE_CHECKING:
    from dashscope.audio.asr import Transcription
    from dashscope.audio.qwen_asr import QwenTranscription

KEY = "sk-local"
MODEL = "fun-asr"
WAIT_SECONDS = 30
MAX_RECOGNITION_SECONDS = 100
"""For all samples on a busy machine."""


@cache
def words_of() -> jiwer.Compose:
    """The words of a text, in lower case and without punctuation. It takes half a second to make."""
    return jiwer.Compose(
        [
            jiwer.ToLowerCase(),
            jiwer.RemovePunctuation(),  # type: ignore[no-untyped-call]
            jiwer.RemoveMultipleSpaces(),
            jiwer.Strip(),
            jiwer.ReduceToListOfListOfWords(),
        ]
    )


@pytest.fixture
def sdk(base_url: str, monkeypatch: pytest.MonkeyPatch) -> type[Transcription]:
    """The SDK's `Transcription`, with the simulator's URL."""
    import dashscope
    from dashscope.audio.asr import Transcription

    monkeypatch.setattr(dashscope, "base_http_api_url", f"{base_url}/api/v1")
    return Transcription


@pytest.fixture(scope="module")
def transcribed_samples(
    running_simulator: str, media_url: str, samples: Path, http: httpx.Client
) -> dict[str, dict[str, Any]]:
    """The result JSON of each sample, by file name, from one task that the SDK submitted."""
    import dashscope
    from dashscope.audio.asr import Transcription

    names = [sample["file"] for sample in json.loads((samples / "samples.json").read_text())]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dashscope, "base_http_api_url", f"{running_simulator}/api/v1")
        task = Transcription.async_call(model=MODEL, file_urls=[f"{media_url}/{name}" for name in names], api_key=KEY)
        reply = Transcription.wait(task, api_key=KEY, wait_timeout=MAX_RECOGNITION_SECONDS)
    documents = [http.get(result["transcription_url"]).raise_for_status().json() for result in reply.output["results"]]
    return {document["file_url"].rpartition("/")[2]: document for document in documents}


SAMPLE_NAMES = ("morning-walk.wav", "meeting.mp3", "family.mp4", "interview.mp3")


# recognition


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_a_sample_is_recognised(name: str, transcribed_samples: dict[str, dict[str, Any]], samples: Path) -> None:
    said = {sample["file"]: sample["text"] for sample in json.loads((samples / "samples.json").read_text())}[name]
    recognised = transcribed_samples[name]["transcripts"][0]["text"]
    rate = jiwer.wer(said, recognised, reference_transform=words_of(), hypothesis_transform=words_of())
    assert rate <= 0.15, recognised


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_a_sample_is_split_into_sentences_at_its_pauses(
    name: str, transcribed_samples: dict[str, dict[str, Any]]
) -> None:
    sentences = transcribed_samples[name]["transcripts"][0]["sentences"]
    least = 5 if name == "interview.mp3" else 2
    assert least <= len(sentences) <= least + 1
    for sentence in sentences:
        assert sentence["text"][0].isupper()
        assert sentence["text"].count(".") == 1
        assert sentence["text"].endswith(". ")


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_a_result_has_the_vendors_shape(
    name: str, transcribed_samples: dict[str, dict[str, Any]], media_url: str
) -> None:
    """docs/vendor-api.md#result-file."""
    document = transcribed_samples[name]
    assert document.keys() == {"file_url", "properties", "transcripts"}
    assert document["file_url"] == f"{media_url}/{name}"
    (transcript,) = document["transcripts"]
    assert transcript.keys() == {"channel_id", "content_duration_in_milliseconds", "text", "sentences"}
    assert transcript["channel_id"] == 0
    assert [sentence["sentence_id"] for sentence in transcript["sentences"]] == [
        number + 1 for number in range(len(transcript["sentences"]))
    ]
    for sentence in transcript["sentences"]:
        assert sentence.keys() == {"begin_time", "end_time", "text", "sentence_id", "words"}
        assert all(word.keys() == {"begin_time", "end_time", "text", "punctuation"} for word in sentence["words"])


@pytest.mark.parametrize(
    ("name", "properties"),
    [
        ("morning-walk.wav", ("pcm_s16le", 16000, 8495)),
        ("meeting.mp3", ("mp3", 22050, 6925)),
        ("family.mp4", ("aac", 16000, 8960)),
        ("interview.mp3", ("mp3", 16000, 12540)),
    ],
)
def test_the_properties_are_those_of_the_file(
    name: str, properties: tuple[str, int, int], transcribed_samples: dict[str, dict[str, Any]]
) -> None:
    audio_format, rate, milliseconds = properties
    assert transcribed_samples[name]["properties"] == {
        "audio_format": audio_format,
        "channels": [0],
        "original_sampling_rate": rate,
        "original_duration_in_milliseconds": pytest.approx(milliseconds, abs=60),
    }


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_the_joined_words_with_punctuation_are_the_text(
    name: str, transcribed_samples: dict[str, dict[str, Any]]
) -> None:
    (transcript,) = transcribed_samples[name]["transcripts"]
    for sentence in transcript["sentences"]:
        assert sentence["text"] == "".join(word["text"] + word["punctuation"] for word in sentence["words"])
    assert transcript["text"] == "".join(sentence["text"] for sentence in transcript["sentences"])


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_words_have_increasing_times_within_the_file(name: str, transcribed_samples: dict[str, dict[str, Any]]) -> None:
    document = transcribed_samples[name]
    (transcript,) = document["transcripts"]
    words = [word for sentence in transcript["sentences"] for word in sentence["words"]]
    times = [time for word in words for time in (word["begin_time"], word["end_time"])]
    assert all(isinstance(time, int) for time in times)
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert all(word["begin_time"] < word["end_time"] for word in words)
    assert 0 <= times[0] < 1000  # speech starts within the first second of a sample
    length = document["properties"]["original_duration_in_milliseconds"]
    assert times[-1] <= length
    speech = [sentence["end_time"] - sentence["begin_time"] for sentence in transcript["sentences"]]
    assert transcript["content_duration_in_milliseconds"] == sum(speech)
    for sentence in transcript["sentences"]:
        assert sentence["begin_time"] == sentence["words"][0]["begin_time"]
        assert sentence["end_time"] == sentence["words"][-1]["end_time"]


# tasks


def test_the_sdk_submits_waits_and_fetches(
    sdk: type[Transcription], configure: Callable[..., None], media_url: str, http: httpx.Client
) -> None:
    configure(behaviour={"queue_seconds": 0}, scripts=[{"match": "scripted", "answers": [{"text": "hello world"}]}])
    submitted = sdk.async_call(model=MODEL, file_urls=[f"{media_url}/scripted.wav"], api_key=KEY, channel_id=[0])
    assert submitted.status_code == 200
    assert submitted.output["task_status"] == "PENDING"
    waited = sdk.wait(submitted, api_key=KEY, wait_timeout=WAIT_SECONDS)
    fetched = sdk.fetch(submitted.output["task_id"], api_key=KEY)
    for reply in (waited, fetched):
        assert reply.output["task_id"] == submitted.output["task_id"]
        assert reply.output["task_status"] == "SUCCEEDED"
        assert reply.output["task_metrics"] == {"TOTAL": 1, "SUCCEEDED": 1, "FAILED": 0}
        assert reply.usage == {"duration": 1}
        document = http.get(reply.output["results"][0]["transcription_url"]).raise_for_status().json()
        assert document["transcripts"][0]["text"] == "hello world"


def test_a_missing_file_fails_and_the_other_files_do_not(
    sdk: type[Transcription], configure: Callable[..., None], media_url: str
) -> None:
    configure(behaviour={"queue_seconds": 0}, scripts=[{"match": "good", "answers": [{"text": "hello"}]}])
    urls = [f"{media_url}/good-1.wav", f"{media_url}/absent.wav", f"{media_url}/good-2.wav"]
    task = sdk.async_call(model=MODEL, file_urls=urls, api_key=KEY)
    reply = sdk.wait(task, api_key=KEY, wait_timeout=WAIT_SECONDS)
    assert reply.output["task_status"] == "SUCCEEDED"
    assert reply.output["task_metrics"] == {"TOTAL": 3, "SUCCEEDED": 2, "FAILED": 1}
    by_url = {result["file_url"]: result for result in reply.output["results"]}
    assert by_url[urls[1]] == {
        "file_url": urls[1],
        "code": "FILE_404_NOT_FOUND",
        "message": "FILE_404_NOT_FOUND",
        "subtask_status": "FAILED",
    }
    assert [by_url[url]["subtask_status"] for url in (urls[0], urls[2])] == ["SUCCEEDED", "SUCCEEDED"]


def test_the_sdk_lists_tasks(sdk: type[Transcription], media_url: str) -> None:
    task = sdk.async_call(model="fun-asr-mtl", file_urls=[f"{media_url}/absent.wav"], api_key=KEY)
    page = sdk.list(model_name="fun-asr-mtl", api_key=KEY)
    assert page.status_code == 200
    assert page.output["data"][0]["task_id"] == task.output["task_id"]
    assert {listed["model_name"] for listed in page.output["data"]} == {"fun-asr-mtl"}


def test_the_sdk_cancels_a_pending_task(
    sdk: type[Transcription], configure: Callable[..., None], media_url: str
) -> None:
    configure(behaviour={"queue_seconds": 60})
    task = sdk.async_call(model=MODEL, file_urls=[f"{media_url}/absent.wav"], api_key=KEY)
    canceled = sdk.cancel(task, api_key=KEY)
    assert canceled.status_code == 200
    assert canceled.request_id
    assert sdk.wait(task, api_key=KEY, wait_timeout=WAIT_SECONDS).output["task_status"] == "CANCELED"


def test_the_sdk_reads_a_refused_key(sdk: type[Transcription], media_url: str) -> None:
    refused = sdk.async_call(model=MODEL, file_urls=[f"{media_url}/meeting.mp3"], api_key="sk-wrong")
    assert (refused.status_code, refused.code) == (401, "InvalidApiKey")
    assert not refused.output
    assert refused.message == "Invalid API-key provided."
    assert refused.request_id


def test_the_sdk_reads_an_unknown_model(sdk: type[Transcription], media_url: str) -> None:
    refused = sdk.async_call(model="fun-asr-2099", file_urls=[f"{media_url}/meeting.mp3"], api_key=KEY)
    assert (refused.status_code, refused.code, refused.message) == (400, "InvalidParameter", "Model not exist.")


def test_the_sdk_reads_a_refusal_of_no_files(sdk: type[Transcription]) -> None:
    refused = sdk.async_call(model=MODEL, file_urls=[], api_key=KEY)
    assert (refused.status_code, refused.code) == (400, "InvalidParameter")
    assert refused.message == "input must contain file_urls"


def test_the_sdk_reads_an_unknown_task(sdk: type[Transcription]) -> None:
    reply = sdk.wait("no-such-task", api_key=KEY, wait_timeout=WAIT_SECONDS)
    assert (reply.status_code, reply.output["task_status"]) == (200, "UNKNOWN")


def test_the_sdk_reads_a_rate_refusal(sdk: type[Transcription], configure: Callable[..., None]) -> None:
    configure(behaviour={"queries_per_second": 1})
    sdk.fetch("no-such-task", api_key=KEY)
    refused = sdk.fetch("no-such-task", api_key=KEY)
    assert (refused.status_code, refused.code) == (429, "Throttling.RateQuota")


# one file a task


FILETRANS = "qwen3-asr-flash-filetrans"


@pytest.fixture
def one_file_sdk(sdk: object) -> type[QwenTranscription]:
    """The SDK's `QwenTranscription`, with the simulator's URL."""
    from dashscope.audio.qwen_asr import QwenTranscription

    return QwenTranscription


def test_the_sdk_transcribes_one_file(
    one_file_sdk: type[QwenTranscription], configure: Callable[..., None], media_url: str, http: httpx.Client
) -> None:
    """docs/vendor-api.md#task-query."""
    configure(behaviour={"queue_seconds": 0})
    url = f"{media_url}/morning-walk.wav"
    task = one_file_sdk.async_call(model=FILETRANS, file_url=url, api_key=KEY, language="en", enable_words=True)
    assert task.output["task_status"] == "PENDING"
    waited = one_file_sdk.wait(task, api_key=KEY, wait_timeout=WAIT_SECONDS)
    fetched = one_file_sdk.fetch(task, api_key=KEY)
    assert waited.output == fetched.output
    assert waited.usage == {"seconds": 8}
    output = {name for name, value in waited.output.items() if value is not None}
    assert output >= {"task_id", "task_status", "submit_time", "scheduled_time", "end_time", "result"}
    assert not output & {"results", "task_metrics", "code", "message"}
    document = http.get(waited.output["result"]["transcription_url"]).raise_for_status().json()
    assert document.keys() == {"file_url", "audio_info", "transcripts"}
    assert document["audio_info"] == {"format": "wav", "sample_rate": 16000}
    (transcript,) = document["transcripts"]
    assert transcript.keys() == {"channel_id", "text", "sentences"}
    assert transcript["text"].startswith("The weather was fine this morning. ")
    assert [sentence["sentence_id"] for sentence in transcript["sentences"]] == [0, 1, 2]
    first = transcript["sentences"][0]
    assert (first["language"], first["emotion"]) == ("en", "neutral")
    assert [word["text"] + word["punctuation"] for word in first["words"]][:2] == ["The ", "weather "]
    assert "".join(word["text"] + word["punctuation"] for word in first["words"]) == first["text"]


def test_words_are_given_on_request_only(
    one_file_sdk: type[QwenTranscription], configure: Callable[..., None], media_url: str, http: httpx.Client
) -> None:
    configure(behaviour={"queue_seconds": 0}, scripts=[{"match": "scripted", "answers": [{"text": "hello world"}]}])
    task = one_file_sdk.async_call(model=FILETRANS, file_url=f"{media_url}/scripted.mp3", api_key=KEY)
    reply = one_file_sdk.wait(task, api_key=KEY, wait_timeout=WAIT_SECONDS)
    document = http.get(reply.output["result"]["transcription_url"]).raise_for_status().json()
    (sentence,) = document["transcripts"][0]["sentences"]
    assert sentence["text"] == "hello world"
    assert "words" not in sentence


def test_a_missing_file_fails_its_task(
    one_file_sdk: type[QwenTranscription], configure: Callable[..., None], media_url: str
) -> None:
    """A task of one file fails with its file, unlike a task of several files (docs/vendor-api.md#all-files-failed)."""
    configure(behaviour={"queue_seconds": 0, "all_failed_status": "SUCCEEDED"})
    task = one_file_sdk.async_call(model=FILETRANS, file_url=f"{media_url}/absent.wav", api_key=KEY)
    reply = one_file_sdk.wait(task, api_key=KEY, wait_timeout=WAIT_SECONDS)
    assert (reply.status_code, reply.output["task_status"]) == (200, "FAILED")
    assert (reply.output["code"], reply.output["message"]) == ("FILE_404_NOT_FOUND", "FILE_404_NOT_FOUND")
    assert not {"results", "result", "task_metrics"} & reply.output.keys()


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ({"api_key": "sk-wrong"}, (401, "InvalidApiKey")),
        ({"model": "qwen3-asr-2099-filetrans"}, (400, "InvalidParameter")),
        ({"model": MODEL}, (400, "InvalidParameter")),
        ({"enable_words": "yes"}, (400, "InvalidParameter")),
    ],
    ids=["key", "unknown model", "model of several files", "parameter"],
)
def test_the_sdk_reads_a_refusal_of_one_file(
    wrong: dict[str, Any], refusal: tuple[int, str], one_file_sdk: type[QwenTranscription], media_url: str
) -> None:
    given = {"model": FILETRANS, "file_url": f"{media_url}/absent.wav", "api_key": KEY, **wrong}
    refused = one_file_sdk.async_call(**given)
    assert (refused.status_code, refused.code) == refusal


def test_the_sdk_reads_a_rate_refusal_of_a_submission(
    one_file_sdk: type[QwenTranscription], configure: Callable[..., None], media_url: str
) -> None:
    configure(behaviour={"submits_per_second": 1})
    answers = [
        one_file_sdk.async_call(model=FILETRANS, file_url=f"{media_url}/absent.wav", api_key=KEY) for _ in range(2)
    ]
    assert [(answer.status_code, answer.code) for answer in answers] == [(200, ""), (429, "Throttling.RateQuota")]
