"""`transcript.html`: the player page, one file that works offline."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import NamedTuple

from dashscribe.domain.transcripts.player_data import player_data
from dashscribe.domain.transcripts.transcript import Transcript

SOURCES = "dashscribe.domain.transcripts.player"
STYLES = ("colours", "layout", "toolbar", "transcript", "player", "panels", "print")
ENTRY = "main"

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([a-z_]+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) )", re.MULTILINE)
_DECLARED = re.compile(r"^(?:export )?(?:async )?(?:function\*?|class|const|let) (\w+)", re.MULTILINE)
_COMMENT = re.compile(r"^[ ]*(?:/\*.*?\*/|//[^\n]*)\n", re.MULTILINE | re.DOTALL)
_GAP = "\0"
_PLACE = re.compile(r"\{\{(\w+)\}\}")


def player_page(
    transcript: Transcript,
    *,
    title: str,
    facts: Mapping[str, str] | None = None,
    speaker_names: Mapping[str, str] | None = None,
) -> bytes:
    """The page of one transcript. The same arguments always give the same bytes.

    `facts` are shown under the title, in their order. `speaker_names` names voices by their number as people read it:
    `"1"` is the first speaker, or the first channel where only channels are told apart; `"2.1"` is the first speaker of
    the second channel where both are.
    """
    shell = _shell()
    data = player_data(transcript, title=title, facts=facts or {}, speaker_names=speaker_names or {})
    heading = html.escape(" ".join(title.split()) or "Transcript").encode("utf-8", "replace")
    return b"".join([shell.before_title, heading, shell.before_heading, heading, shell.before_data, data, shell.end])


class _Shell(NamedTuple):
    """The page without its transcript. It is the same for every transcript."""

    before_title: bytes
    before_heading: bytes
    before_data: bytes
    end: bytes


@cache
def _shell() -> _Shell:
    style = "\n".join(_without_comments(_source(f"{name}.css")) for name in STYLES)
    script = _without_comments(bundle(ENTRY))
    parts = {
        "policy": content_security_policy(style=style, script=script),
        "style": style,
        "script": script,
        "title": _GAP,
        "data": _GAP,
    }
    page = _PLACE.sub(lambda place: parts[place[1]], _source("page.html"))
    return _Shell(*(part.encode() for part in page.split(_GAP)))


def content_security_policy(*, style: str, script: str) -> str:
    """Nothing runs and nothing loads except the inlined style and script, and the recording."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_digest(script)}'",
            f"style-src '{_digest(style)}'",
            "img-src data:",
            "media-src 'self' file: blob: https:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def bundle(entry: str) -> str:
    """The module and all it imports as one module: each file once, after the files that it imports.

    All files share one scope in the page, so two of them may not declare the same name.
    """
    order: list[str] = []
    _visit(entry, order, path=())
    owners: dict[str, str] = {}
    for name in order:
        for declared in _DECLARED.findall(_source(f"{name}.js")):
            if owners.setdefault(declared, name) != name:
                raise ValueError(f"{declared} is declared in {owners[declared]}.js and in {name}.js")
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", _source(f"{name}.js"))) for name in order)


def _visit(name: str, order: list[str], path: tuple[str, ...]) -> None:
    if name in path:
        raise ValueError(f"the modules import each other: {' → '.join([*path, name])}")
    if name in order:
        return
    source = _source(f"{name}.js")
    for names, imported in _IMPORT.findall(source):
        exported = set(_DECLARED.findall("\n".join(_exports(imported))))
        missing = {part.strip() for part in names.split(",") if part.strip()} - exported
        if missing:
            raise ValueError(f"{name}.js imports {', '.join(sorted(missing))}, which {imported}.js does not export")
        _visit(imported, order, (*path, name))
    order.append(name)


def _exports(name: str) -> list[str]:
    return [line for line in _source(f"{name}.js").splitlines() if line.startswith("export ")]


def _without_comments(source: str) -> str:
    """Without the comments that have lines of their own: they are for the readers of the sources."""
    return _COMMENT.sub("", source)


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _source(name: str) -> str:
    return resources.files(SOURCES).joinpath(name).read_text(encoding="utf-8")
