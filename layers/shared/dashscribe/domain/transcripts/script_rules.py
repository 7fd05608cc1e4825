"""The subtitle rules by script, and the options that a profile may set.

Sources: Netflix Timed Text Style Guide (General Requirements and the guides by language), BBC Subtitle Guidelines,
EBU-TT-D, W3C "Requirements for Chinese / Japanese / Korean Text Layout". `docs/subtitles.md` has the table with links.

Widths are counted in cells: a full-width character has two cells, a half-width character one, a combining mark none.
So 16 Chinese characters to a line are 32 cells, and 42 Latin letters are 42 cells.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Script(StrEnum):
    """The writing systems that have rules of their own."""

    ALPHABETIC = "alphabetic"  # Latin, Cyrillic, Greek and everything that no other member names
    HEBREW = "hebrew"
    ARABIC = "arabic"
    INDIC = "indic"
    SOUTH_EAST_ASIAN = "south_east_asian"
    CHINESE = "chinese"
    JAPANESE = "japanese"
    KOREAN = "korean"


@dataclass(frozen=True, slots=True)
class ScriptRules:
    """How much of a script a line and a second hold, in cells, and where the script may break."""

    script: Script
    line_cells: int
    cells_per_second: float
    spaced: bool = True
    """Words are separated by blanks, and a line breaks at blanks only."""
    right_to_left: bool = False
    cells_per_character: int = 1
    """2 where a profile states widths and speeds in full-width characters."""


RULES: dict[Script, ScriptRules] = {
    rules.script: rules
    for rules in (
        ScriptRules(Script.ALPHABETIC, 42, 20),
        ScriptRules(Script.HEBREW, 42, 20, right_to_left=True),
        ScriptRules(Script.ARABIC, 42, 23, right_to_left=True),
        ScriptRules(Script.INDIC, 42, 25),
        ScriptRules(Script.SOUTH_EAST_ASIAN, 35, 20, spaced=False),
        ScriptRules(Script.CHINESE, 32, 22, spaced=False, cells_per_character=2),
        ScriptRules(Script.JAPANESE, 32, 14, spaced=False, cells_per_character=2),
        ScriptRules(Script.KOREAN, 32, 28, cells_per_character=2),
    )
}

GAP_MS = 83
"""The least time between two cues: two frames at 24 frames a second."""
CLOSED_GAP_MS = 500
"""A shorter gap than this flickers, so the first cue is extended to `GAP_MS` before the second."""
EXTENSION_MS = 500
"""A cue may stay this long after its last word, to give the reader time."""
SILENCE_MS = 1_500
"""A silence as long as this begins a new cue."""
SYNC_MS = 120
"""A cue may begin this much before or after its first word (three frames)."""


_VOICE_NUMBER = re.compile(r"[1-9]\d*(?:\.[1-9]\d*)?")


class SubtitleOptions(BaseModel):
    """The subtitle options of a profile. None means: the rule of the script.

    `line_width` and `reading_speed` count characters as the table in `docs/subtitles.md` does (full-width ones for
    Chinese, Japanese and Korean). One number is for every script; an object gives numbers by script.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    line_width: int | dict[Script, int] | None = Field(
        default=None, description="characters a line, from 8 to 200: a number, or an object by script"
    )
    lines: int = Field(default=2, ge=1, le=3, description="the most lines of a cue")
    reading_speed: float | dict[Script, float] | None = Field(
        default=None, description="characters a second, from 1 to 100: a number, or an object by script"
    )
    minimum_ms: int = Field(default=833, ge=200, le=5_000, description="the shortest time that a cue is shown")
    maximum_ms: int = Field(default=7_000, ge=1_000, le=30_000, description="the longest time that a cue is shown")
    labels: bool = Field(default=True, description="whether cues show who speaks, where the voice changes")
    speakers: dict[str, str] = Field(
        default_factory=dict,
        description='names by number: "2" is Speaker 2, or Channel 2 where channels are the voices; "1.2" is Speaker 2 '
        "of Channel 1",
    )

    @model_validator(mode="after")
    def _is_possible(self) -> SubtitleOptions:
        if self.minimum_ms > self.maximum_ms:
            raise ValueError(f"minimum_ms is {self.minimum_ms}; it must not be more than maximum_ms {self.maximum_ms}")
        for width in _values(self.line_width):
            if not 8 <= width <= 200:
                raise ValueError(f"line_width is {width}; it must be from 8 to 200")
        for number in self.speakers:
            if not _VOICE_NUMBER.fullmatch(number):
                raise ValueError(
                    f"speakers has the key {number!r}; a key is the number of a speaker or channel from 1 on, "
                    "or channel.speaker, for example 1.2"
                )
        for speed in _values(self.reading_speed):
            if not 1 <= speed <= 100:
                raise ValueError(f"reading_speed is {speed}; it must be from 1 to 100 characters a second")
        return self

    def rules(self, script: Script) -> ScriptRules:
        """The rules of a script with this profile's numbers."""
        rules = RULES[script]
        width = self.line_width.get(script) if isinstance(self.line_width, dict) else self.line_width
        speed = self.reading_speed.get(script) if isinstance(self.reading_speed, dict) else self.reading_speed
        scale = rules.cells_per_character
        return ScriptRules(
            script,
            rules.line_cells if width is None else width * scale,
            rules.cells_per_second if speed is None else speed * scale,
            rules.spaced,
            rules.right_to_left,
            scale,
        )


def _values(option: float | dict[Script, int] | dict[Script, float] | None) -> list[float]:
    if option is None:
        return []
    return list(option.values()) if isinstance(option, dict) else [option]


def cells(text: str) -> int:
    """How wide a text is: 2 for a full-width character, 0 for a mark or an invisible character, else 1."""
    return len(text) if text.isascii() else sum(map(_cells_of, text))


@lru_cache(maxsize=8192)
def _cells_of(sign: str) -> int:
    if unicodedata.category(sign) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


# The blocks of each script, as ranges of a regular expression.
HAN = "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
KANA = "\u3041-\u309f\u30a0-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_BLOCKS = {
    "han": f"[{HAN}]",
    "kana": "[\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d]",
    "hangul": "[\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff]",
    "hebrew": "[\u0590-\u05ff\ufb1d-\ufb4f]",
    "arabic": "[\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc]",
    "indic": "[\u0900-\u0dff]",
    "south_east_asian": "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\ua9e0-\ua9ff\uaa60-\uaa7f]",
}
_ALPHABETIC_WORD = "[A-Za-z\u00aa-\u024f\u0370-\u052f\u1e00-\u1fff]+"
_LETTERS_TO_A_WORD = 5
"""A longer word counts as one of this length, so that a few technical terms do not decide the script."""
_LETTERS_TO_AN_IDEOGRAPH = 3
"""An ideograph or syllable says about as much as three letters."""
_LANGUAGES = {
    "zh": Script.CHINESE, "yue": Script.CHINESE, "ja": Script.JAPANESE, "ko": Script.KOREAN,
}  # fmt: skip


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """Compiled with the first text: functions that make no transcript import this module for its options."""
    return {name: re.compile(pattern) for name, pattern in {**_BLOCKS, "word": _ALPHABETIC_WORD}.items()}


def script_of(text: str, language: str | None = None, default: Script = Script.ALPHABETIC) -> Script:
    """The script that most of a text is written in.

    `language` decides between Chinese and Japanese for a text of ideographs alone; without it `default` does, which
    is the script of the texts around.
    """
    if text.isascii():
        return Script.ALPHABETIC if any(map(str.isalpha, text)) else default
    patterns = _patterns()
    weights: Counter[str] = Counter({name: len(patterns[name].findall(text)) for name in _BLOCKS})
    for name in ("han", "kana", "hangul"):
        weights[name] *= _LETTERS_TO_AN_IDEOGRAPH
    cjk = weights.pop("han") + weights["kana"]
    kana = weights.pop("kana")
    weights["cjk"] = cjk
    weights["alphabetic"] = sum(min(len(word), _LETTERS_TO_A_WORD) for word in patterns["word"].findall(text))
    name, weight = weights.most_common(1)[0]
    if not weight:
        return default
    if name == "hangul":
        return Script.KOREAN
    return _east_asian(kana, language, default) if name == "cjk" else Script(name)


def _east_asian(kana: int, language: str | None, default: Script) -> Script:
    told = _LANGUAGES.get((language or "").lower().partition("-")[0])
    if kana:
        return Script.JAPANESE
    if told in (Script.CHINESE, Script.JAPANESE):
        return told
    return default if default is Script.JAPANESE else Script.CHINESE
