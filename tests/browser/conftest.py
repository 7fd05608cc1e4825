"""A real Chromium that opens player pages. Without Chromium or Playwright these tests are skipped, with the reason."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dashscribe.domain.transcript import Transcript
from dashscribe.domain.transcripts.player_page import player_page
from tests.browser import samples

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --mute-audio"
).split()
SIZE = {"width": 1280, "height": 860}

OpenPage = Callable[..., "Page"]
"""What the fixture `open_page` gives."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (requirements/dev.txt)")
    program = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=SIZE, accept_downloads=True)  # type: ignore[arg-type]  # a plain dict
    context.set_default_timeout(5000)
    yield context
    context.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complains about: errors of the script, violations of the policy, requests to other places."""
    return []


@pytest.fixture
def open_page(context: BrowserContext, tmp_path: Path, complaints: list[str]) -> Iterator[OpenPage]:
    """Opens the page of a transcript as a file. With `seconds`, a recording of that length lies beside it."""

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
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: _note(message.text, message.type, complaints))
        page.on("request", lambda request: _note_request(request.url, complaints))
        page.goto(file.as_uri() + address)
        page.wait_for_selector("html[data-ready]", state="attached")
        if seconds:
            page.wait_for_function("document.getElementById('media').readyState > 0")
        return page

    yield opened
    assert complaints == []


def _note(text: str, kind: str, complaints: list[str]) -> None:
    if kind in ("error", "warning") and "ERR_FILE_NOT_FOUND" not in text:  # a recording that is not there
        complaints.append(text)


def _note_request(url: str, complaints: list[str]) -> None:
    if not url.startswith(("file:", "blob:", "data:")):
        complaints.append(f"a request to {url}")
