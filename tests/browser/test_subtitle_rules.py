"""The page's JavaScript escapes subtitles as `subtitle_files.py` does: it repeats the rules in another language."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from dashscribe.domain.transcripts.cues import Cue
from dashscribe.domain.transcripts.player_page import bundle
from dashscribe.domain.transcripts.subtitle_files import srt, vtt
from tests.unit.domain.transcripts.speech import SAMPLES

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PARTS = (
    "< > / ! ? b i < /b font & ; amp # x27 &é; &lt; { } {} \\ an8 N n h -- > --> 1 42 9: 00:00:01 "
    "00:00:01,5 . , ٣ ٣:٠٠:٠٠ २ word слово שלום سلام ؟ ؛ ܐ 𞤀 क ा 字 😀 ＜ | * <v\xa0Anna>"
).split(" ")
JOINERS = [
    " ",
    "",
    "",
    "\n",
    "\t",
    "\u00a0",
    "\u200e",
    "\u200f",
    "\u061c",
    "\u2060",
    "\ufeff",
    "\x00",
    "\x1f",
    "\x85",
    "\u202e",
]
TEXTS = 4000


def hostile_lines(rng: random.Random) -> tuple[str, ...]:
    parts = [rng.choice(PARTS) + rng.choice(JOINERS) for _ in range(rng.randrange(1, 9))]
    lines = "".join(parts).strip("\n").split("\n")[:2]
    return tuple(line for line in lines if line.strip()) or ("-",)


def test_the_page_escapes_every_text_as_the_stack_does(browser: Browser) -> None:
    rng = random.Random(14)  # noqa: S311  # the same texts in every run
    texts = [*((text,) for text in SAMPLES.values()), *(hostile_lines(rng) for _ in range(TEXTS))]
    cues = [Cue(n * 3_601_234, n * 3_601_234 + 999, lines) for n, lines in enumerate(texts)]
    page = browser.new_page()
    try:
        script = f"{bundle('subtitle_files')}\nwindow.files = {{ srtFile, vttFile }};"
        page.add_script_tag(content=script, type="module")
        page.wait_for_function("window.files")
        given = [{"begin": cue.begin_ms, "end": cue.end_ms, "lines": cue.lines, "name": ""} for cue in cues]
        written = page.evaluate("cues => [files.srtFile(cues), files.vttFile(cues, { isTimed: true })]", given)
    finally:
        page.close()
    for name, found, expected in zip(("SRT", "WebVTT"), written, (srt(cues), vtt(cues)), strict=True):
        differences = [
            pair for pair in zip(found.split("\n"), expected.split("\n"), strict=False) if pair[0] != pair[1]
        ]
        assert not differences[:5], name
        assert found == expected
