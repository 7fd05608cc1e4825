"""The newer client of the official SDK works with the simulator (docs/vendor-api.md#official-sdk)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    import dashscope

pytestmark = pytest.mark.filterwarnings(
    # `Client().audio` gives this warning each time. Its classes work.
    "ignore:dashscope 2.0 audio API is a preview:FutureWarning"
)

KEY = "sk-local"
MODEL = "fun-asr"
WAIT_SECONDS = 30


@pytest.fixture
def sdk_v2(base_url: str) -> Iterator[dashscope.Client]:
    """The SDK's newer client, without its retries."""
    import dashscope

    with dashscope.Client(api_key=KEY, base_url=f"{base_url}/api/v1", max_retries=0) as client:
        yield client


NEWEST = "qwen-audio-3.1-asr-flash-filetrans"


@pytest.mark.parametrize("model", [MODEL, NEWEST])
def test_the_newer_client_submits_and_waits(
    model: str, sdk_v2: dashscope.Client, configure: Callable[..., None], media_url: str, http: httpx.Client
) -> None:
    configure(behaviour={"queue_seconds": 0}, scripts=[{"match": "scripted", "answers": [{"text": "hello world"}]}])
    job = sdk_v2.audio.asr.jobs.create(
        model=model, file_urls=[f"{media_url}/scripted.wav"], parameters={"language_hints": ["en"]}
    )
    done = sdk_v2.audio.asr.jobs.wait(job, poll_interval=0.1, timeout=WAIT_SECONDS)
    assert done.succeeded
    assert done.finished_at is not None
    (result,) = done.results
    assert result.transcription_url is not None
    assert http.get(result.transcription_url).json()["transcripts"][0]["text"] == "hello world"


def test_the_newer_client_raises_an_error_for_a_wrong_key(base_url: str, media_url: str) -> None:
    import dashscope
    from dashscope.v2.errors import DashScopeError

    with (
        dashscope.Client(api_key="sk-wrong", base_url=f"{base_url}/api/v1", max_retries=0) as client,
        pytest.raises(DashScopeError) as raised,
    ):
        client.audio.asr.jobs.create(model=MODEL, file_urls=[f"{media_url}/meeting.mp3"])
    assert (raised.value.status_code, raised.value.code) == (401, "InvalidApiKey")


def test_the_newer_client_raises_an_error_for_an_invalid_parameter(sdk_v2: dashscope.Client, media_url: str) -> None:
    from dashscope.v2.errors import DashScopeError

    with pytest.raises(DashScopeError) as raised:
        sdk_v2.audio.asr.jobs.create(
            model=NEWEST, file_urls=[f"{media_url}/meeting.mp3"], parameters={"vocabulary": {"word": 17}}
        )
    assert (raised.value.status_code, raised.value.code) == (400, "InvalidParameter")


def test_the_newer_client_raises_an_error_for_a_failed_task(
    sdk_v2: dashscope.Client, configure: Callable[..., None], media_url: str
) -> None:
    from dashscope.v2.errors import DashScopeError

    configure(behaviour={"queue_seconds": 0, "all_failed_status": "FAILED"})
    job = sdk_v2.audio.asr.jobs.create(model=MODEL, file_urls=[f"{media_url}/absent.wav"])
    with pytest.raises(DashScopeError) as raised:
        sdk_v2.audio.asr.jobs.wait(job, poll_interval=0.1, timeout=WAIT_SECONDS)
    assert raised.value.code == "FILE_404_NOT_FOUND"


def test_the_newer_client_submits_twice_after_a_lost_response(
    base_url: str,
    vendor: httpx.Client,
    configure: Callable[..., None],
    recorded: Callable[[str], list[dict[str, Any]]],
    media_url: str,
) -> None:
    """The SDK repeats a POST (docs/vendor-api.md#official-sdk). Our client does not."""
    import dashscope

    model = "fun-asr-mtl-2025-08-25"

    def tasks() -> int:
        total: int = vendor.get("/api/v1/tasks", params={"model_name": model}).json()["total"]
        return total

    before = tasks()
    configure(faults=[{"operation": "submit", "kind": "reset_after"}])
    with dashscope.Client(api_key=KEY, base_url=f"{base_url}/api/v1", max_retries=1) as client:
        client.audio.asr.jobs.create(model=model, file_urls=[f"{media_url}/absent.wav"])
    assert [request["status"] for request in recorded("submit") if request["body"]["model"] == model] == [0, 200]
    assert tasks() == before + 2
