"""Writes the pictures in docs/images: `python -m tests.browser.take_pictures`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from dashscribe.domain.transcripts.player_page import player_page
from dashscribe.domain.transcripts.transcript import Transcript
from tests.browser import samples
from tests.browser.conftest import ARGUMENTS, until

IMAGES = Path(__file__).resolve().parents[2] / "docs/images"
WIDE = (1280, 800)
NARROW = (390, 760)
FACTS = {"Recorded": "12 March 2026", "Length": "2:29", "Model": "fun-asr", "Languages": "English"}
NAMES = {"1": "Marta Lind", "2": "Hanna Okafor", "3": "Daniel Reyes"}
TITLE = "The Long Table: bread, waiting and the price of a loaf"


def main() -> None:
    from playwright.sync_api import sync_playwright

    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(ARGUMENTS))
        for name, transcript, title, size, scheme, query in (
            ("player-light", samples.interview(), TITLE, WIDE, "light", "bread"),
            ("player-dark", samples.interview(), TITLE, WIDE, "dark", ""),
            ("player-narrow", samples.interview(), TITLE, NARROW, "light", ""),
            ("player-rtl", samples.arabic(), "المكتبات العامة في المدن الصغيرة", WIDE, "light", ""),
        ):
            context = browser.new_context(
                viewport={"width": size[0], "height": size[1]},
                color_scheme="dark" if scheme == "dark" else "light",
            )
            page = context.new_page()
            page.goto(_file(Path(folder), transcript, title).as_uri() + ("#t=13" if name.endswith("rtl") else "#t=39"))
            until(page, "document.getElementById('media').readyState > 0")
            page.evaluate("document.fonts.ready")
            if query:
                page.locator("#search-text").fill(query)
                page.wait_for_selector("text=1 of")
            page.wait_for_timeout(300)
            page.screenshot(path=IMAGES / f"{name}.png")
            context.close()
        browser.close()


def _file(folder: Path, transcript: Transcript, title: str) -> Path:
    page = folder / "transcript.html"
    is_arabic = "long table" not in transcript.media
    facts = {**FACTS, "Length": "0:33", "Languages": "Arabic, English"} if is_arabic else FACTS
    page.write_bytes(player_page(transcript, title=title, facts=facts, speaker_names={} if is_arabic else NAMES))
    (folder / transcript.media.split("/")[-1]).write_bytes(samples.tone((transcript.duration_ms or 0) / 1000))
    return page


if __name__ == "__main__":
    main()
