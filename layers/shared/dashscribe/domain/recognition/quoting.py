"""Given values as an error message quotes them."""

from __future__ import annotations

import json


def quote(value: object) -> str:
    """Shorten a given value, and make it safe to store and to publish."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    short = (text if len(text) <= 80 else text[:77] + "...").encode(errors="replace").decode()
    return repr(short) if isinstance(value, str) else short
