"""Real files: download, decoding and recognition."""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import av
import httpx
import pytest

from dashscribe.domain.recognition.catalogue import CATALOGUE, Endpoint
from dashscribe.domain.recognition.media import SUPPORTED_EXTENSIONS
from local.simulator.calls import Call
from local.simulator.checks import RequestRefusedError
from local.simulator.recognition import RecognitionError, recognise
from local.simulator.scenario import Behaviour, Scenario
from local.simulator.synchronous import SynchronousModels
from local.simulator.tasks import SimulatedTask, TaskStore
from local.simulator.transcriber import Transcriber

SAMPLE_RATE = 16_000
SILENCE = bytes(2 * 2 * SAMPLE_RATE)

AsWav = Callable[..., bytes]
Submit = Callable[..., str]
Until = Callable[..., dict[str, Any]]

ENCODINGS: dict[str, tuple[str, str, int, str]] = {
    # file extension: FFmpeg's container, codec, sample rate in Hz, layout
    "aac": ("adts", "aac", 16000, "mono"),
    "amr": ("amr", "libopencore_amrnb", 8000, "mono"),
    "avi": ("avi", "libmp3lame", 16000, "mono"),
    "flac": ("flac", "flac", 16000, "mono"),
    "flv": ("flv", "aac", 44100, "mono"),
    "m4a": ("ipod", "aac", 16000, "mono"),
    "mkv": ("matroska", "libopus", 48000, "mono"),
    "mov": ("mov", "pcm_s16le", 48000, "stereo"),
    "mp3": ("mp3", "libmp3lame", 44100, "mono"),
    "mp4": ("mp4", "aac", 48000, "stereo"),
    "mpeg": ("mpeg", "mp2", 44100, "mono"),
    "ogg": ("ogg", "vorbis", 44100, "stereo"),
    "opus": ("opus", "libopus", 48000, "mono"),
    "wav": ("wav", "pcm_s16le", 8000, "mono"),
    "webm": ("webm", "libopus", 48000, "mono"),
    "wma": ("asf", "wmav2", 44100, "mono"),
    "wmv": ("asf", "wmav2", 16000, "mono"),
}


def encode(pcm: bytes, target: Path, container: str, codec: str, rate: int, layout: str) -> None:
    """Write mono 16 kHz samples in this format. Skips the test if this build of PyAV cannot write the format."""
    for name, kind in ((codec, "encoder"), (container, "container")):
        try:
            av.Codec(name, "w") if kind == "encoder" else av.ContainerFormat(name, "w")
        except ValueError:
            pytest.skip(f"this build of PyAV has no {kind} {name}")
    with av.open(target, "w", format=container) as opened:
        stream = opened.add_stream(codec, rate=rate, layout=layout, options={"strict": "experimental"})
        assert isinstance(stream, av.AudioStream)
        if codec == "wmav2":
            stream.bit_rate = 48_000  # the default of 128,000 is too high for one channel
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
        frame.sample_rate = SAMPLE_RATE
        frame.planes[0].update(pcm)
        opened.mux(stream.encode(frame))
        opened.mux(stream.encode(None))


def interleaved(left: bytes, right: bytes) -> bytes:
    return b"".join(left[at : at + 2] + right[at : at + 2] for at in range(0, min(len(left), len(right)), 2))


def code_of(refused: pytest.ExceptionInfo[RecognitionError]) -> str:
    return refused.value.code


@pytest.fixture
def failed_code(submit: Submit, until: Until) -> Callable[..., str]:
    """Submit one file, wait until its task has ended, and return the error code of the file."""

    def submitted(url: str, **parameters: Any) -> str:
        (result,) = until(submit(url, **parameters))["output"]["results"]
        assert result["subtask_status"] == "FAILED", result
        assert result["message"]
        return str(result["code"])

    return submitted


# decoding and recognition


def test_every_format_of_the_vendor_is_tested() -> None:
    assert ENCODINGS.keys() == set(SUPPORTED_EXTENSIONS)


@pytest.mark.parametrize("extension", ENCODINGS)
def test_speech_is_recognised_in(extension: str, walk_pcm: bytes, tmp_path: Path) -> None:
    container, codec, rate, layout = ENCODINGS[extension]
    file = tmp_path / f"walk.{extension}"
    encode(walk_pcm, file, container, codec, rate, layout)
    document = recognise(file.read_bytes(), [0])
    assert document["properties"]["original_sampling_rate"] == rate
    assert document["properties"]["original_duration_in_milliseconds"] == pytest.approx(2400, abs=150)
    recognised = document["transcripts"][0]["text"].lower()
    assert sum(word in recognised for word in ("the", "weather", "was", "fine", "this", "morning")) >= 4, recognised


def test_both_channels_of_a_stereo_file_are_transcribed(walk_pcm: bytes, samples: Path, as_wav: AsWav) -> None:
    with av.open(samples / "meeting.mp3") as opened:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        frames = [part for frame in opened.decode(audio=0) for part in resampler.resample(frame)]
    meeting_pcm = b"".join(bytes(frame.planes[0])[: frame.samples * 2] for frame in frames)
    media = as_wav(interleaved(walk_pcm, meeting_pcm), channels=2)
    document = recognise(media, [0, 1])
    assert document["properties"]["channels"] == [0, 1]
    left, right = document["transcripts"]
    assert (left["channel_id"], right["channel_id"]) == (0, 1)
    assert "weather" in left["text"]
    assert "weather" not in right["text"]
    assert "meeting" in right["text"]
    (only,) = recognise(media, [1])["transcripts"]
    assert (only["channel_id"], only["text"]) == (1, right["text"])


@pytest.mark.parametrize("samples_of_the_last_frame", [0, 1, 479])
def test_speech_at_the_end_of_the_recording_is_recognised(
    samples_of_the_last_frame: int, walk_pcm: bytes, as_wav: AsWav
) -> None:
    """PocketSphinx detects speech in frames of 30 ms."""
    pcm = walk_pcm[: (SAMPLE_RATE // 480 * 480 + samples_of_the_last_frame) * 2]
    assert "weather" in recognise(as_wav(pcm), [0])["transcripts"][0]["text"]


def test_silence_between_two_utterances_counts_in_the_times_and_not_as_speech(walk_pcm: bytes, as_wav: AsWav) -> None:
    (transcript,) = recognise(as_wav(walk_pcm + SILENCE * 2 + walk_pcm), [0])["transcripts"]
    second = next(sentence for sentence in transcript["sentences"] if sentence["begin_time"] > 3000)
    assert second["begin_time"] == pytest.approx(6400, abs=500)
    assert second["sentence_id"] > 1
    assert transcript["content_duration_in_milliseconds"] == pytest.approx(4800, abs=1200)


@pytest.mark.parametrize(
    ("media", "code"),
    [
        pytest.param(b"", "DECODE_ERROR", id="nothing"),
        pytest.param(b"<html>Not media.</html>" * 100, "DECODE_ERROR", id="a web page"),
        pytest.param(bytes(10_000), "DECODE_ERROR", id="zeros"),
        pytest.param(b"1\n00:00:01,000 --> 00:00:02,000\nhi\n", "NO_VALID_AUDIO_ERROR", id="subtitles"),
    ],
)
def test_a_file_that_is_not_a_recording_fails_with(media: bytes, code: str) -> None:
    with pytest.raises(RecognitionError) as refused:
        recognise(media, [0])
    assert code_of(refused) == code


def test_a_truncated_recording_is_a_decode_error(samples: Path) -> None:
    with pytest.raises(RecognitionError) as refused:
        recognise((samples / "family.mp4").read_bytes()[:30_000], [0])
    assert code_of(refused) == "DECODE_ERROR"


@pytest.mark.parametrize(("channels", "channel"), [(1, 1), (2, 2)])
def test_a_channel_that_the_file_does_not_have_fails(channels: int, channel: int, as_wav: AsWav) -> None:
    with pytest.raises(RecognitionError) as refused:
        recognise(as_wav(SILENCE, channels), [0, channel])
    assert code_of(refused) == "NO_VALID_AUDIO_ERROR"
    assert str(channel) in str(refused.value)


# in a task


def test_silence_fails_as_a_file_without_a_valid_fragment(
    failed_code: Callable[..., str], media_folder: Path, media_url: str, as_wav: AsWav
) -> None:
    (media_folder / "silence.wav").write_bytes(as_wav(SILENCE))
    assert failed_code(f"{media_url}/silence.wav") == "SUCCESS_WITH_NO_VALID_FRAGMENT"


def test_a_text_file_fails_with_a_decode_error(
    failed_code: Callable[..., str], media_folder: Path, media_url: str
) -> None:
    (media_folder / "notes.wav").write_text("these are notes")
    assert failed_code(f"{media_url}/notes.wav") == "DECODE_ERROR"


def test_a_channel_out_of_range_fails_with_no_valid_audio(failed_code: Callable[..., str], media_url: str) -> None:
    assert failed_code(f"{media_url}/morning-walk.wav", channel_id=[1]) == "NO_VALID_AUDIO_ERROR"


def test_a_stereo_file_has_a_transcript_for_each_requested_channel(
    submit: Submit, until: Until, media_folder: Path, media_url: str, walk_pcm: bytes, as_wav: AsWav, http: httpx.Client
) -> None:
    (media_folder / "stereo.wav").write_bytes(as_wav(interleaved(walk_pcm, walk_pcm), channels=2))
    reply = until(submit(f"{media_url}/stereo.wav", channel_id=[0, 1]))
    document = http.get(reply["output"]["results"][0]["transcription_url"]).raise_for_status().json()
    assert [transcript["channel_id"] for transcript in document["transcripts"]] == [0, 1]
    speech = [transcript["content_duration_in_milliseconds"] for transcript in document["transcripts"]]
    assert reply["usage"]["duration"] == sum(
        -(-milliseconds // 1000) for milliseconds in speech
    )  # each channel is billed


def test_a_crashed_recogniser_fails_the_file_and_ends_the_task(media_url: str) -> None:
    """An executor that accepts no work behaves like a crashed recogniser."""

    async def run_task() -> SimulatedTask:
        broken = ThreadPoolExecutor()
        broken.shutdown()
        scenario = Scenario(Behaviour(queue_seconds=0))
        transcriber = Transcriber(scenario, broken)
        store = TaskStore(scenario, transcriber, "http://127.0.0.1:9")
        task = store.submit(CATALOGUE["fun-asr"], [f"{media_url}/meeting.mp3"], {})
        deadline = time.monotonic() + 10
        while task.ended_at is None:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        await store.cancel_all()
        await transcriber.close()
        return task

    assert asyncio.run(run_task()).files[0].code == "InternalError.Algo"


def test_a_crashed_recogniser_fails_a_synchronous_call(walk_pcm: bytes, as_wav: AsWav) -> None:
    async def refused() -> RequestRefusedError:
        broken = ThreadPoolExecutor()
        broken.shutdown()
        scenario = Scenario(Behaviour())
        transcriber = Transcriber(scenario, broken)
        audio = f"data:audio/wav;base64,{b64encode(as_wav(walk_pcm)).decode()}"
        with pytest.raises(RequestRefusedError) as raised:
            await SynchronousModels(scenario, transcriber).answer(
                Call(CATALOGUE["qwen3-asr-flash"], audio), Endpoint.DASHSCOPE
            )
        await transcriber.close()
        return raised.value

    refusal = asyncio.run(refused())
    assert (refusal.status, refusal.code) == (500, "InternalError.Algo")


# downloading


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "FILE_403_FORBIDDEN"),
        (404, "FILE_404_NOT_FOUND"),
        (410, "FILE_DOWNLOAD_FAILED"),
        (500, "FILE_SERVER_ERROR"),
        (503, "FILE_SERVER_ERROR"),
    ],
)
def test_a_failed_download_has_a_code_for_the_http_status(
    status: int, code: str, failed_code: Callable[..., str], media_url: str
) -> None:
    assert failed_code(f"{media_url}/status/{status}") == code


def test_an_unreachable_file_server_is_a_failed_download(failed_code: Callable[..., str]) -> None:
    assert failed_code("http://127.0.0.1:9/unreachable.wav") == "FILE_DOWNLOAD_FAILED"


def test_an_invalid_url_fails_with_its_own_code(failed_code: Callable[..., str]) -> None:
    assert failed_code("http://127.0.0.1:9/tab\there.wav") == "REQUEST_INVALID_FILE_URL_VALUE"


@pytest.mark.parametrize("name", ["会议.wav", "two words.wav"])
def test_a_url_must_be_percent_encoded(
    name: str, failed_code: Callable[..., str], media_url: str, media_requests: list[str]
) -> None:
    """docs/vendor-api.md#file-urls."""
    assert failed_code(f"{media_url}/unencoded-{name}") == "InvalidFile.DownloadFailed"
    assert failed_code(f"{media_url}/{quote(f'encoded-{name}')}") == "FILE_404_NOT_FOUND"
    assert [path for path in media_requests if "encoded-" in path] == [f"/{quote(f'encoded-{name}')}"]
    media_requests.clear()


def test_a_presigned_url_is_downloaded_byte_for_byte(
    failed_code: Callable[..., str], media_url: str, media_requests: list[str]
) -> None:
    path = "/samples/%E4%BC%9A%E8%AE%AE%20%22Q1%20%2B%20Q2%22%20100%25%20%27final%27.mp3"
    path += "?versionId=1&X-Amz-Credential=k%2F20260101%2Fus-east-1&X-Amz-SignedHeaders=host&x=a%2Bb%3D&y=~(!*)'"
    assert failed_code(media_url + path) == "FILE_404_NOT_FOUND"
    assert path in media_requests
