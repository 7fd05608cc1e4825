"""The examples of the vendor's documents work with a simulator that has its default options (docs/simulator.md).

They are equivalent calls of several versions of DashScope's SDK, of OpenAI's SDKs for Python and Node.js, and of plain
HTTP. `make test` installs the SDKs. What cannot be installed is skipped.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from dashscribe.domain.recognition.catalogue import CHAT_PATH, GENERATION_PATH, TASKS_PATH, TRANSCRIPTION_PATH
from local import processes

if TYPE_CHECKING:
    from openai import OpenAI

ROOT = Path(processes.__file__).resolve().parent.parent
CLIENTS = Path(__file__).parent / "clients"
NODE_SDK = ROOT / ".local" / "openai-node"
NEWEST = "newest"
MINOR_LINES = sorted(path.stem.removeprefix("dashscope-") for path in ROOT.glob("requirements/dashscope-*.txt"))
SPOKEN = "hello world"
AUDIO = "http://127.0.0.1:9/hello_world_female.wav"
OTHER_AUDIO = "http://127.0.0.1:9/hello_world_male.wav"
SCRIPTS = [
    {"match": match, "answers": [{"text": SPOKEN}]}
    for match in ("hello_world", "local-file", "audio/wav;base64")  # of a URL, an upload, a data URL
]
MAX_SECONDS = 300
KEY = "sk-any"
HEADERS = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
ASYNC = {**HEADERS, "X-DashScope-Async": "enable"}

SDK_OUTCOMES: dict[str, Any] = {
    "submit_and_wait": [SPOKEN, SPOKEN],
    "submit_and_wait_paraformer": [SPOKEN, SPOKEN],
    "submit_and_fetch": [SPOKEN, SPOKEN],
    "submit_with_options": ["***** world"],
    "submit_one_file": [SPOKEN],
    "call_once": [SPOKEN],
    "call_with_a_stream": [SPOKEN],
    "call_with_a_local_file": [SPOKEN],
    "call_an_unknown_model": [400, "InvalidParameter", "Model not exist."],
}


@pytest.fixture(scope="module")
def plain_simulator(tmp_path_factory: pytest.TempPathFactory, http: httpx.Client) -> Iterator[str]:
    """The URL of a simulator with default options, and with scripted texts."""
    port, log = processes.free_port(), tmp_path_factory.mktemp("plain-simulator") / "simulator.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DASHSCOPE_")}
    command = [sys.executable, "-m", "local.simulator", "--port", str(port)]
    process = processes.start("DashScope simulator", command, log, environment, ROOT)
    try:
        processes.wait_until_listening("DashScope simulator", process, port, log)
        url = f"http://127.0.0.1:{port}"
        http.post(f"{url}/control", json={"scripts": SCRIPTS}).raise_for_status()
        yield url
    finally:
        processes.stop(process.pid)
        process.wait(timeout=5)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A local file."""
    file = tmp_path_factory.mktemp("recording") / "local-file.wav"
    shutil.copy(ROOT / "local" / "samples" / "morning-walk.wav", file)
    return file


# DashScope's SDK


def python_of(version: str) -> Path:
    """The Python of a version's environment."""
    if version == NEWEST:
        return Path(sys.executable)
    return ROOT / ".local" / f"dashscope-{version}" / "bin" / "python"


def is_installed(version: str) -> bool:
    return version == NEWEST or (ROOT / ".local" / f"dashscope-{version}" / ".sdk").exists()


@pytest.fixture(scope="module")
def sdk_outcomes(plain_simulator: str, recording: Path, http: httpx.Client) -> Iterator[dict[str, dict[str, Any]]]:
    """The outcomes of all calls by version. The versions run concurrently, so the limits of one account are raised."""
    before = http.get(f"{plain_simulator}/control").json()["behaviour"]
    limits = {"queries_per_second": 1000, "submits_per_second": 1000}
    http.post(f"{plain_simulator}/control", json={"behaviour": limits}).raise_for_status()
    versions = [version for version in (*MINOR_LINES, NEWEST) if is_installed(version)]
    with ThreadPoolExecutor(len(versions)) as pool:
        ran = pool.map(lambda version: run_sdk(version, plain_simulator, recording), versions)
    yield dict(zip(versions, ran, strict=True))
    http.post(f"{plain_simulator}/control", json={"behaviour": before}).raise_for_status()


def run_sdk(version: str, simulator: str, recording: Path) -> dict[str, Any]:
    arguments = [f"{simulator}/api/v1", "http://127.0.0.1:9", str(recording)]
    return run_client([str(python_of(version)), str(CLIENTS / "dashscope_client.py"), *arguments])


def run_client(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=MAX_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    outcomes: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return outcomes


def test_the_documented_versions_are_pinned() -> None:
    assert MINOR_LINES == ["1.24", "1.25", "1.26", "1.27"]


@pytest.mark.parametrize(
    ("version", "call"),
    [
        (version, call)
        for version in (*MINOR_LINES, NEWEST)
        for call in SDK_OUTCOMES
        if (version, call) != ("1.24", "submit_one_file")  # 1.24 has no QwenTranscription
    ],
)
def test_a_call_of_dashscopes_sdk_ends_as_documented(
    version: str, call: str, sdk_outcomes: dict[str, dict[str, Any]]
) -> None:
    if not is_installed(version):
        pytest.skip(f"dashscope {version} is not installed: make test installs it into .local/dashscope-{version}")
    assert sdk_outcomes[version][call] == SDK_OUTCOMES[call]


def test_a_loop_of_queries_without_a_pause_keeps_the_limit(
    plain_simulator: str, monkeypatch: pytest.MonkeyPatch, http: httpx.Client
) -> None:
    http.post(f"{plain_simulator}/control", json={"behaviour": {"queue_seconds": 3}}).raise_for_status()
    time.sleep(1)  # queries of earlier tests count for a second
    import dashscope
    from dashscope.audio.asr import Transcription

    monkeypatch.setattr(dashscope, "base_http_api_url", f"{plain_simulator}/api/v1")
    reply = Transcription.async_call(model="fun-asr", file_urls=[AUDIO, OTHER_AUDIO], api_key=KEY)
    queries = 0
    while reply.output.task_status not in ("SUCCEEDED", "FAILED"):
        reply = Transcription.fetch(task=reply.output.task_id, api_key=KEY)
        assert reply.status_code == 200, reply
        queries += 1
    assert reply.output.task_status == "SUCCEEDED"
    assert queries > 1
    http.post(f"{plain_simulator}/control", json={"behaviour": {"queue_seconds": 0.2}}).raise_for_status()


# OpenAI's SDKs


@pytest.fixture(scope="module")
def openai(plain_simulator: str) -> Iterator[OpenAI]:
    from openai import OpenAI

    with OpenAI(api_key=KEY, base_url=f"{plain_simulator}/compatible-mode/v1", max_retries=0) as client:
        yield client


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("is_local", [False, True])
def test_a_call_of_openais_python_sdk_ends_as_documented(
    is_local: bool, stream: bool, openai: OpenAI, recording: Path
) -> None:
    data = f"data:audio/wav;base64,{base64.b64encode(recording.read_bytes()).decode()}" if is_local else AUDIO
    messages: Any = [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": data}}]}]
    options = {"asr_options": {"enable_itn": False}}
    reply: Any = openai.chat.completions.create(
        model="qwen3-asr-flash", messages=messages, stream=stream, extra_body=options
    )
    if stream:
        assert "".join(chunk.choices[0].delta.content or "" for chunk in reply if chunk.choices) == SPOKEN
    else:
        assert reply.choices[0].message.content == SPOKEN


@pytest.mark.parametrize(
    ("call", "outcome"),
    [
        ("call_once", SPOKEN),
        ("call_with_a_stream", SPOKEN),
        ("call_with_a_local_file", SPOKEN),
        ("call_an_unknown_model", "404 model_not_found"),
    ],
)
def test_a_call_of_openais_node_sdk_ends_as_documented(call: str, outcome: str, node_outcomes: dict[str, str]) -> None:
    assert node_outcomes[call] == outcome


@pytest.fixture(scope="module")
def node_outcomes(plain_simulator: str, recording: Path) -> dict[str, Any]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    if not (NODE_SDK / ".sdk").exists():
        pytest.skip(f"OpenAI's Node.js SDK is not installed: make test installs it into {NODE_SDK.relative_to(ROOT)}")
    script, base_url = str(CLIENTS / "openai_client.mjs"), f"{plain_simulator}/compatible-mode/v1"
    return run_client([node, script, base_url, AUDIO, str(recording), str(NODE_SDK)])


# plain HTTP


def follow(method: str, url: str, http: httpx.Client) -> dict[str, Any]:
    """Query a task until it has ended, as the documents do it."""
    deadline = time.monotonic() + MAX_SECONDS
    while True:
        reply: dict[str, Any] = http.request(method, url, headers=ASYNC).raise_for_status().json()
        if reply["output"]["task_status"] not in ("PENDING", "RUNNING"):
            return reply
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("model", ["fun-asr", "paraformer-v2"])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_task_of_several_files_over_http_ends_as_documented(
    method: str, model: str, plain_simulator: str, http: httpx.Client
) -> None:
    body = {"model": model, "input": {"file_urls": [AUDIO, OTHER_AUDIO]}, "parameters": {"channel_id": [0]}}
    submitted = http.post(plain_simulator + TRANSCRIPTION_PATH, headers=ASYNC, content=json.dumps(body)).json()
    assert submitted["output"]["task_status"] == "PENDING"
    reply = follow(method, f"{plain_simulator}{TASKS_PATH}/{submitted['output']['task_id']}", http)
    documents = [http.get(result["transcription_url"]).json() for result in reply["output"]["results"]]
    assert [document["transcripts"][0]["text"] for document in documents] == [SPOKEN, SPOKEN]


@pytest.mark.parametrize("parameters", [{"channel_id": [0], "enable_itn": False}, {}, None])
def test_a_task_of_one_file_over_http_ends_as_documented(
    parameters: dict[str, Any] | None, plain_simulator: str, http: httpx.Client
) -> None:
    body = {"model": "qwen3-asr-flash-filetrans", "input": {"file_url": AUDIO}}
    given = {} if parameters is None else {"parameters": parameters}
    submitted = http.post(plain_simulator + TRANSCRIPTION_PATH, headers=ASYNC, json={**body, **given}).json()
    reply = follow("GET", f"{plain_simulator}{TASKS_PATH}/{submitted['output']['task_id']}", http)
    assert reply["usage"] == {"seconds": 1}
    document = http.get(reply["output"]["result"]["transcription_url"]).json()
    assert document["transcripts"][0]["text"] == SPOKEN


USER = {"role": "user", "content": [{"audio": AUDIO}]}
INPUT_AUDIO = {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": AUDIO}}]}
CALLS: dict[str, tuple[str, dict[str, Any], Callable[[Any], Any]]] = {
    "fun-asr-flash": (
        GENERATION_PATH,
        {
            "model": "fun-asr-flash-2026-06-15",
            "input": {"messages": [INPUT_AUDIO]},
            "parameters": {"format": "wav", "sample_rate": "16000"},
        },
        lambda reply: reply["output"]["text"],
    ),
    "qwen3-asr-flash": (
        GENERATION_PATH,
        {
            "model": "qwen3-asr-flash",
            "input": {"messages": [{"role": "system", "content": [{"text": ""}]}, USER]},
            "parameters": {"asr_options": {"enable_itn": False}},
        },
        lambda reply: reply["output"]["choices"][0]["message"]["content"][0]["text"],
    ),
    "qwen3-asr-flash, OpenAI-compatible": (
        CHAT_PATH,
        {
            "model": "qwen3-asr-flash",
            "messages": [INPUT_AUDIO],
            "stream": False,
            "asr_options": {"enable_itn": False},
        },
        lambda reply: reply["choices"][0]["message"]["content"],
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_synchronous_call_over_http_ends_as_documented(name: str, plain_simulator: str, http: httpx.Client) -> None:
    path, body, text_of = CALLS[name]
    answer = http.post(plain_simulator + path, headers={**HEADERS, "X-DashScope-SSE": "disable"}, json=body)
    assert answer.status_code == 200, answer.text
    assert text_of(answer.json()) == SPOKEN
