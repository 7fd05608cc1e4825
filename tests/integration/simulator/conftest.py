"""One simulator and one file server for this folder. What is played on the simulator is forgotten after each test."""

from __future__ import annotations

import io
import os
import shutil
import sys
import threading
import time
import wave
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashscribe.adapters.dashscope_http import DashScopeHttp
from dashscribe.domain.recognition.catalogue import TASKS_PATH, TRANSCRIPTION_PATH, Region
from dashscribe.domain.recognition.options import Options, resolve_options
from dashscribe.domain.recognition.profiles import DEFAULT_PROFILE, Profile, Profiles
from local import processes

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ROOT / "local" / "samples"
KEY = "sk-local"
PATIENCE_SECONDS = 20
_LIMITS = httpx.Limits(keepalive_expiry=2)  # uvicorn closes after 5 s


class _MediaHandler(SimpleHTTPRequestHandler):
    """Files of a folder; `/status/<code>` answers with that code. Keeps the paths, as they came in."""

    def __init__(self, *arguments: Any, requested: list[str], **more: Any) -> None:
        self._requested = requested
        super().__init__(*arguments, **more)

    def do_GET(self) -> None:
        self._requested.append(self.path)
        if self.path.startswith("/status/"):
            self.send_error(int(self.path.removeprefix("/status/")[:3]))
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="session")
def running_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a simulator in a process of its own that lets in `sk-local` single_file_task."""
    port = processes.free_port()
    log = tmp_path_factory.mktemp("simulator") / "simulator.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DASHSCOPE_")}
    command = [sys.executable, "-m", "local.simulator", "--port", str(port), "--key", KEY]
    process = processes.start("DashScope simulator", command, log, environment, ROOT)
    try:
        processes.wait_until_listening("DashScope simulator", process, port, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        processes.stop(process.pid)
        process.wait(timeout=5)


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    """An HTTP client without a key. One for all: each new one reads every certificate of the machine."""
    with httpx.Client(timeout=PATIENCE_SECONDS, limits=_LIMITS) as client:
        yield client


@pytest.fixture(scope="session")
def _http_with_key(running_simulator: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=running_simulator, headers=headers, timeout=PATIENCE_SECONDS, limits=_LIMITS) as client:
        yield client


@pytest.fixture
def base_url(running_simulator: str, http: httpx.Client) -> Iterator[str]:
    """The simulator's address. Afterwards it is as it was started."""
    yield running_simulator
    http.delete(f"{running_simulator}/control").raise_for_status()


@pytest.fixture
def vendor(base_url: str, _http_with_key: httpx.Client) -> httpx.Client:
    """An HTTP client with the key, whose URLs are the simulator's paths."""
    return _http_with_key


@pytest.fixture
def play(base_url: str, http: httpx.Client) -> Callable[..., None]:
    """POST /control: `play(behaviour={…}, scripts=[…], faults=[…])`."""

    def post(**what: Any) -> None:
        http.post(f"{base_url}/control", json=what).raise_for_status()

    return post


@pytest.fixture
def recorded(base_url: str, http: httpx.Client) -> Callable[[str], list[dict[str, Any]]]:
    """GET /control: the requests of one operation so far."""

    def get(operation: str) -> list[dict[str, Any]]:
        requests = http.get(f"{base_url}/control").raise_for_status().json()["recorded"]
        return [request for request in requests if request["operation"] == operation]

    return get


@pytest.fixture
def post_task(vendor: httpx.Client) -> Callable[..., httpx.Response]:
    """Submit by hand: `post_task(url, …, channel_id=[0])`; `body` and `headers` replace ours."""

    def post(
        *urls: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        **parameters: Any,
    ) -> httpx.Response:
        ours = {"model": "fun-asr", "input": {"file_urls": list(urls)}, "parameters": parameters}
        return vendor.post(
            TRANSCRIPTION_PATH,
            json=ours if body is None else body,
            headers={"X-DashScope-Async": "enable"} if headers is None else headers,
        )

    return post


@pytest.fixture
def our_client(base_url: str, http: httpx.Client) -> DashScopeHttp:
    """dashscribe's own client, pointed at the simulator."""
    return DashScopeHttp(http, base_url, lambda: KEY)


@pytest.fixture(scope="session")
def options_for() -> Callable[..., Options]:
    """What an upload with this profile would be sent with: `options_for("qwen3-asr-flash", stream=True)`."""

    def resolved(model: str, parameters: Mapping[str, Any] | None = None, **way_in: Any) -> Options:
        profile = Profile(model=model, parameters=dict(parameters or {}), **way_in)
        profiles = Profiles(profiles={DEFAULT_PROFILE: profile})
        return resolve_options("a.wav", {}, profiles, default_model=model, region=Region.OTHER)

    return resolved


@pytest.fixture
def submit(post_task: Callable[..., httpx.Response]) -> Callable[..., str]:
    """Submit what must be accepted; the task's id."""

    def accepted(*urls: str, **more: Any) -> str:
        response = post_task(*urls, **more)
        assert response.status_code == 200, response.text
        return str(response.json()["output"]["task_id"])

    return accepted


@pytest.fixture
def query(vendor: httpx.Client) -> Callable[[str], dict[str, Any]]:
    """One query; the reply's JSON."""

    def get(task_id: str) -> dict[str, Any]:
        response = vendor.get(f"{TASKS_PATH}/{task_id}")
        assert response.status_code == 200, response.text
        reply: dict[str, Any] = response.json()
        return reply

    return get


@pytest.fixture
def until(query: Callable[[str], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Query until the task has one of these states (any final one); that reply."""

    def poll(task_id: str, *states: str) -> dict[str, Any]:
        wanted = states or ("SUCCEEDED", "FAILED", "CANCELED")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            reply = query(task_id)
            if reply["output"]["task_status"] in wanted:
                return reply
            assert time.monotonic() < deadline, f"not {wanted} after {PATIENCE_SECONDS} s: {reply}"
            time.sleep(0.1)  # half of the 20 queries a second that the account has

    return poll


@pytest.fixture(scope="session")
def media_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the file server serves: the samples, and whatever a test puts there."""
    folder = tmp_path_factory.mktemp("media")
    for sample in ("morning-walk.wav", "meeting.mp3", "family.mp4"):
        shutil.copy(SAMPLES / sample, folder)
    return folder


@pytest.fixture(scope="session")
def media_requests() -> list[str]:
    """The paths with queries that the file server was asked for so far, byte for byte."""
    return []


@pytest.fixture(scope="session")
def media_url(media_folder: Path, media_requests: list[str]) -> Iterator[str]:
    """The address of the file server, without a slash at its end."""
    handler = partial(_MediaHandler, directory=str(media_folder), requested=media_requests)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(timeout=5)


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of the samples."""
    return SAMPLES


@pytest.fixture(scope="session")
def walk_pcm(samples: Path) -> bytes:
    """The first 2.4 s of morning-walk.wav: "The weather was fine this morning."."""
    with wave.open(str(samples / "morning-walk.wav")) as opened:
        assert (opened.getframerate(), opened.getnchannels(), opened.getsampwidth()) == (16_000, 1, 2)
        return bytes(opened.readframes(24 * 1_600))


@pytest.fixture(scope="session")
def as_wav() -> Callable[..., bytes]:
    """16-bit PCM at 16 kHz as a WAV file."""

    def wrapped(pcm: bytes, channels: int = 1) -> bytes:
        file = io.BytesIO()
        with wave.open(file, "wb") as opened:
            opened.setparams((channels, 2, 16_000, 0, "NONE", ""))
            opened.writeframes(pcm)
        return file.getvalue()

    return wrapped
