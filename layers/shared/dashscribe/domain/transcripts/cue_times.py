"""Decides when each cue is shown, from when its words are spoken.

Cues do not overlap, and at least two frames are between them. A cue stays into the silence after it where its reader
needs the time. A begin moves by up to three frames where that gives time to a cue that lacks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashscribe.domain.transcripts.script_rules import CLOSED_GAP_MS, EXTENSION_MS, GAP_MS, SYNC_MS, SubtitleOptions

SHORTEST_MS = 250
"""No cue is shown for less, however fast the speech is."""


@dataclass(frozen=True, slots=True)
class Span:
    """When the words of a cue are spoken, and how long they take to read."""

    begin_ms: int
    end_ms: int
    reading_ms: int


def shown(spans: Sequence[Span], options: SubtitleOptions, duration_ms: int | None) -> list[tuple[int, int]]:
    """Begin and end of each cue, in the order of `spans`, which is the order in which they are shown."""
    begins: list[int] = []
    for number, span in enumerate(spans):
        following = spans[number + 1] if number + 1 < len(spans) else None
        previous = spans[number - 1] if number else None
        begins.append(_begin(previous, begins[-1] if begins else 0, span, following, options))
    return [
        (begin, _end(span, begin, begins[number + 1] if number + 1 < len(begins) else None, options, duration_ms))
        for number, (span, begin) in enumerate(zip(spans, begins, strict=True))
    ]


def _needed(span: Span, options: SubtitleOptions) -> int:
    return min(max(span.reading_ms, options.minimum_ms), options.maximum_ms)


def _latest_end(span: Span, begin: int, options: SubtitleOptions) -> int:
    """Until when a cue may stay: it stays past its words for reading time, and longer only up to the minimum."""
    return min(max(span.end_ms + EXTENSION_MS, begin + options.minimum_ms), begin + options.maximum_ms)


def _begin(
    previous: Span | None, previous_begin: int, span: Span, following: Span | None, options: SubtitleOptions
) -> int:
    stop = _latest_end(span, span.begin_ms, options)
    if following is not None:
        stop = min(stop, following.begin_ms - GAP_MS)
    spare = stop - span.begin_ms - _needed(span, options)
    if previous is None:
        return max(0, span.begin_ms - min(SYNC_MS, max(0, -spare)))
    wanted = min(previous_begin + _needed(previous, options), _latest_end(previous, previous_begin, options))
    lack = wanted + GAP_MS - span.begin_ms
    begin = span.begin_ms
    if lack > 0 and spare > 0:
        begin += min(lack, spare, SYNC_MS)
    elif lack < 0 and spare < 0:
        begin -= min(-lack, -spare, SYNC_MS)
    begin = _without_flicker(previous, previous_begin, span, begin, spare, options)
    noticed = previous_begin + options.minimum_ms + GAP_MS
    latest = max(span.begin_ms + SYNC_MS, span.end_ms - options.minimum_ms)
    return max(begin, min(noticed, latest), previous_begin + SHORTEST_MS + GAP_MS)


def _without_flicker(
    previous: Span, previous_begin: int, span: Span, begin: int, spare: int, options: SubtitleOptions
) -> int:
    """A begin that leaves no short gap, where the cue before can neither stay until it nor end well before it."""
    latest = _latest_end(previous, previous_begin, options)
    needed_end = min(max(previous.end_ms, previous_begin + _needed(previous, options)), latest)
    too_early, too_late = begin - GAP_MS - latest, needed_end + CLOSED_GAP_MS - begin
    if too_early <= 0 or too_late <= 0:
        return begin
    if begin - too_early >= span.begin_ms - SYNC_MS:
        return begin - too_early
    moved = begin + too_late
    return moved if moved <= span.begin_ms + min(SYNC_MS, max(0, spare)) else begin


def _end(span: Span, begin: int, next_begin: int | None, options: SubtitleOptions, duration_ms: int | None) -> int:
    latest = _latest_end(span, begin, options)
    end = min(max(span.end_ms, begin + _needed(span, options)), latest)
    if next_begin is None:
        return max(min(end, duration_ms), begin + SHORTEST_MS) if duration_ms is not None else end
    closed = next_begin - GAP_MS
    end = min(end, closed)
    if next_begin - end >= CLOSED_GAP_MS:
        return end
    if closed <= latest:
        return closed
    apart = next_begin - CLOSED_GAP_MS
    return apart if apart >= max(span.end_ms, begin + _needed(span, options)) else end
