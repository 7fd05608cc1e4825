"""One simulator and one file server for this folder. The scenario of the simulator is reset after each test."""

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
from dashscribe.domain.recognition.option_resolution import resolve_options
from dashscribe.domain.recognition.options import DEFAULT_PROFILE, Options
from dashscribe.domain.recognition.profiles import Profile, Profiles
from local import processes

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ROOT / "local" / "samples"
KEY = "sk-local"
TIMEOUT_SECONDS = 60  # for recognition on a busy machine
_LIMITS = httpx.Limits(keepalive_expiry=2)  # uvicorn closes after 5 s


class _MediaHandler(SimpleHTTPRequestHandler):
    """Serves the files of a folder; `/status/<code>` returns that status. Records the requested paths unchanged."""

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
        """Log nothing."""


@pytest.fixture(scope="session")
def running_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a strict simulator in another process, which accepts the key `sk-local` only."""
    port = processes.free_port()
    log = tmp_path_factory.mktemp("simulator") / "simulator.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DASHSCOPE_")}
    command = [sys.executable, "-m", "local.simulator", "--port", str(port), "--key", KEY, "--latency", "0", "--strict"]
    process = processes.start("DashScope simulator", command, log, environment, ROOT)
    try:
        processes.wait_until_listening("DashScope simulator", process, port, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        processes.stop(process.pid)
        process.wait(timeout=5)


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    """An HTTP client without a key. It is shared, because a new one reads all certificates of the machine."""
    with httpx.Client(timeout=TIMEOUT_SECONDS, limits=_LIMITS) as client:
        yield client


@pytest.fixture(scope="session")
def _http_with_key(running_simulator: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=running_simulator, headers=headers, timeout=TIMEOUT_SECONDS, limits=_LIMITS) as client:
        yield client


@pytest.fixture
def base_url(running_simulator: str, http: httpx.Client) -> Iterator[str]:
    """The simulator's URL. Its scenario is reset after the test."""
    yield running_simulator
    http.delete(f"{running_simulator}/control").raise_for_status()


@pytest.fixture
def vendor(base_url: str, _http_with_key: httpx.Client) -> httpx.Client:
    """An HTTP client with the key and the simulator's base URL."""
    return _http_with_key


@pytest.fixture
def configure(base_url: str, http: httpx.Client) -> Callable[..., None]:
    """Configure the simulator: `configure(behaviour={…}, scripts=[…], faults=[…])`."""

    def post(**scenario: Any) -> None:
        http.post(f"{base_url}/control", json=scenario).raise_for_status()

    return post


@pytest.fixture
def recorded(base_url: str, http: httpx.Client) -> Callable[[str], list[dict[str, Any]]]:
    """The recorded requests of one operation."""

    def get(operation: str) -> list[dict[str, Any]]:
        requests = http.get(f"{base_url}/control").raise_for_status().json()["recorded"]
        return [request for request in requests if request["operation"] == operation]

    return get


@pytest.fixture
def post_task(vendor: httpx.Client) -> Callable[..., httpx.Response]:
    """POST a submission: `post_task(url, …, channel_id=[0])`. `body` and `headers` replace the defaults."""

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
    """dashscribe's own client, with the simulator's URL."""
    return DashScopeHttp(http, base_url, lambda: KEY)


@pytest.fixture(scope="session")
def options_for() -> Callable[..., Options]:
    """The options of an upload with this profile: `options_for("qwen3-asr-flash", stream=True)`."""

    def resolved(model: str, parameters: Mapping[str, Any] | None = None, **profile_options: Any) -> Options:
        profile = Profile(model=model, parameters=dict(parameters or {}), **profile_options)
        profiles = Profiles(profiles={DEFAULT_PROFILE: profile})
        return resolve_options("a.wav", {}, profiles, default_model=model, region=Region.OTHER)

    return resolved


@pytest.fixture
def submit(post_task: Callable[..., httpx.Response]) -> Callable[..., str]:
    """Submit, check that it is accepted, and return the task id."""

    def accepted(*urls: str, **more: Any) -> str:
        response = post_task(*urls, **more)
        assert response.status_code == 200, response.text
        return str(response.json()["output"]["task_id"])

    return accepted


@pytest.fixture
def query(vendor: httpx.Client) -> Callable[[str], dict[str, Any]]:
    """Query a task once, and return the reply."""

    def get(task_id: str) -> dict[str, Any]:
        response = vendor.get(f"{TASKS_PATH}/{task_id}")
        assert response.status_code == 200, response.text
        reply: dict[str, Any] = response.json()
        return reply

    return get


@pytest.fixture
def until(query: Callable[[str], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Query until the task has one of these statuses (by default, a final one), and return that reply."""

    def poll(task_id: str, *states: str) -> dict[str, Any]:
        wanted = states or ("SUCCEEDED", "FAILED", "CANCELED")
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while True:
            reply = query(task_id)
            if reply["output"]["task_status"] in wanted:
                return reply
            assert time.monotonic() < deadline, f"not {wanted} after {TIMEOUT_SECONDS} s: {reply}"
            time.sleep(0.1)  # half of the account's 20 queries a second

    return poll


@pytest.fixture(scope="session")
def media_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the file server: the samples, and files that tests add."""
    folder = tmp_path_factory.mktemp("media")
    for sample in ("morning-walk.wav", "meeting.mp3", "family.mp4", "interview.mp3"):
        shutil.copy(SAMPLES / sample, folder)
    return folder


@pytest.fixture(scope="session")
def media_requests() -> list[str]:
    """The requested paths of the file server with their queries, byte for byte."""
    return []


@pytest.fixture(scope="session")
def media_url(media_folder: Path, media_requests: list[str]) -> Iterator[str]:
    """The URL of the file server, without a slash at the end."""
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
