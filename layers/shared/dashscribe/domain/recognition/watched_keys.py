"""Which uploads of a bucket are recordings, by the begin and the end of their keys."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WatchedKeys:
    """Keys that begin with one of the prefixes and end with one of the suffixes. Empty means any.

    A suffix matches in upper and lower case.
    """

    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()

    def __contains__(self, key: str) -> bool:
        begins = not self.prefixes or key.startswith(self.prefixes)
        ends = not self.suffixes or key.lower().endswith(tuple(suffix.lower() for suffix in self.suffixes))
        return begins and ends


def parse_list(text: str) -> tuple[str, ...]:
    """Return the parts of a list with commas, without the blanks around them."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
