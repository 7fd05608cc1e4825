"""A real Chromium that opens player pages. Without Chromium or Playwright these tests are skipped, with the reason."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dashscribe.domain.transcripts.player_page import player_page
from dashscribe.domain.transcripts.transcript import Transcript
from tests.browser import samples

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --mute-audio"
).split()

TIMEOUT_SECONDS = 60
"""A page is ready in a second. On a busy machine Chromium may wait for its processor."""

OpenPage = Callable[..., "Page"]
"""What the fixture `open_page` gives."""


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (requirements/dev.txt)")
    program = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def window(browser: Browser) -> Page:
    """The one page of all tests: Chromium takes longer to open a page than to load a transcript."""
    page = browser.new_page(accept_downloads=True)
    page.set_default_timeout(TIMEOUT_SECONDS * 1000)
    return page


@pytest.fixture
def cpu_seconds(browser: Browser) -> Callable[[], float]:
    """The processor time of all pages so far. Other work on the machine does not change it, as it changes the clock."""
    session = browser.new_browser_cdp_session()

    def read() -> float:
        processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
        return float(sum(process["cpuTime"] for process in processes if process["type"] == "renderer"))

    return read


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complains about: errors of the script, violations of the policy, requests to other places."""
    return []


@pytest.fixture
def open_page(window: Page, tmp_path: Path, complaints: list[str]) -> Iterator[OpenPage]:
    """Opens the page of a transcript as a file. With `seconds`, a recording of that length lies beside it."""

    def note_error(error: object) -> None:
        complaints.append(str(error))

    def note_message(message: ConsoleMessage) -> None:
        harmless = ("ERR_FILE_NOT_FOUND", "Canvas2D: Multiple readback")  # no recording; a test reads the timeline
        if message.type in ("error", "warning") and not any(part in message.text for part in harmless):
            complaints.append(message.text)

    def note_request(request: Request) -> None:
        if not request.url.startswith(("file:", "blob:", "data:", "about:")):
            complaints.append(f"a request to {request.url}")

    def opened(
        transcript: Transcript,
        *,
        seconds: float = 0,
        title: str = "A talk",
        facts: Mapping[str, str] | None = None,
        speaker_names: Mapping[str, str] | None = None,
        address: str = "",
    ) -> Page:
        file = tmp_path / "transcript.html"
        file.write_bytes(player_page(transcript, title=title, facts=facts, speaker_names=speaker_names))
        if seconds:
            (tmp_path / transcript.media.split("/")[-1]).write_bytes(samples.tone(seconds))
        window.goto("about:blank")
        window.goto(file.as_uri() + address)
        window.wait_for_selector("html[data-ready]", state="attached")
        if seconds:
            until(window, "document.getElementById('media').readyState > 0")
        return window

    watchers: dict[Any, Any] = {"pageerror": note_error, "console": note_message, "request": note_request}
    for event, watcher in watchers.items():
        window.on(event, watcher)
    window.set_viewport_size({"width": 1280, "height": 860})
    window.emulate_media(media="null", color_scheme="null")
    yield opened
    window.evaluate("localStorage.clear()")
    window.goto("about:blank")
    for event, watcher in watchers.items():
        window.remove_listener(event, watcher)
    assert complaints == []


def until(page: Page, expression: str, seconds: float = TIMEOUT_SECONDS) -> None:
    """Waits until a JavaScript expression is true. The page's policy forbids Playwright's own way, which is `eval`."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, f"not true after {seconds} s: {expression}"
        page.wait_for_timeout(20)
