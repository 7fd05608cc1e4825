from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashscribe.domain.transcripts.transcript import Sentence, Word
from dashscribe.domain.transcripts.word_times import TimedSentence, repaired, timed_sentences, timed_words
from tests.unit.domain.transcripts.speech import said


def timed(sentence: Sentence, begin_ms: int, end_ms: int) -> TimedSentence:
    return TimedSentence(0, sentence, " ".join(sentence.text.split()), begin_ms, end_ms)


def test_times_in_order_are_kept() -> None:
    assert repaired([(0, 900), (1000, 1900)], [5, 5], 0, 2000) == [(0, 900), (1000, 1900)]


def test_equal_times_are_shared_out_by_width() -> None:
    assert repaired([(0, 0), (0, 0)], [10, 30], 0, 4000) == [(0, 1000), (1000, 4000)]


def test_equal_times_between_others_share_the_time_up_to_the_next() -> None:
    times = [(0, 500), (1000, 1000), (1000, 1000), (2000, 2500)]
    assert repaired(times, [5, 5, 5, 5], 0, 2500) == [(0, 500), (1000, 1500), (1500, 2000), (2000, 2500)]


def test_a_time_far_outside_is_replaced_by_a_share() -> None:
    found = repaired([(0, 400), (10**9, 10**9), (800, 1200)], [4, 4, 4], 0, 1200)
    assert found == [(0, 400), (400, 800), (800, 1200)]


def test_one_early_time_does_not_move_the_words_after_it() -> None:
    found = repaired([(0, 300), (9000, 9300), (600, 900), (900, 1200)], [3, 3, 3, 3], 0, 10_000)
    assert [begin for begin, _ in found] == [0, 300, 600, 900]


def test_an_end_that_runs_into_the_next_word_is_cut() -> None:
    assert repaired([(0, 5000), (1000, 1500)], [4, 4], 0, 2000)[0] == (0, 1000)


@pytest.mark.parametrize("missing", [[(None, None)] * 3, [(0, None), (None, None), (None, 900)]])
def test_missing_times_are_shares(missing: list[tuple[int | None, int | None]]) -> None:
    assert repaired(missing, [3, 3, 3], 0, 900) == [(0, 300), (300, 600), (600, 900)]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.none() | st.integers(-2000, 12_000), st.none() | st.integers(-2000, 12_000)), max_size=30),
    st.integers(0, 5000),
    st.integers(0, 8000),
)
def test_repaired_times_are_in_order_and_inside(
    times: list[tuple[int | None, int | None]], begin: int, length: int
) -> None:
    found = repaired(times, [4] * len(times), begin, begin + length)
    assert len(found) == len(times)
    assert all(begin <= start <= stop <= begin + length for start, stop in found)
    assert all(one[1] <= other[0] for one, other in pairwise(found))


def test_a_sentence_without_an_end_lasts_until_the_next() -> None:
    first, _ = timed_sentences(0, [said(0, None, "Hello there."), said(2000, 3000, "Good.")], None)
    assert (first.begin_ms, first.end_ms) == (0, 2000)


def test_a_sentence_without_times_takes_those_of_its_words() -> None:
    [found] = timed_sentences(0, [said(None, None, "a b", words=[Word(500, 700, "a"), Word(700, 900, "b")])], None)
    assert (found.begin_ms, found.end_ms) == (500, 900)


def test_a_channel_without_any_time_gives_nothing() -> None:
    assert timed_sentences(0, [said(None, None, "Hello.")], 10_000) == []


def test_nothing_lies_beyond_the_recording() -> None:
    found = timed_sentences(0, [said(0, 1000, "a"), said(2000, 10**9, "b"), said(10**9, 10**9, "c")], 5000)
    assert max(sentence.end_ms for sentence in found) <= 5000
    assert [sentence.text for sentence in found] == ["a", "b", "c"]


def test_a_length_that_most_sentences_exceed_is_ignored() -> None:
    found = timed_sentences(0, [said(n * 1000, n * 1000 + 900, "Hello.") for n in range(10)], 100)
    assert [sentence.begin_ms for sentence in found] == [n * 1000 for n in range(10)]


def test_the_order_of_the_vendor_is_kept_where_times_run_back() -> None:
    found = timed_sentences(0, [said(1000, 2000, "first"), said(900, 2500, "second"), said(3000, 3500, "third")], None)
    assert [sentence.text for sentence in found] == ["first", "second", "third"]


def test_a_channel_that_lists_one_speaker_after_the_other_is_put_in_order() -> None:
    listed = [said(0, 900, "a", 0), said(2000, 2900, "c", 0), said(1000, 1900, "b", 1), said(3000, 3900, "d", 1)]
    assert [sentence.text for sentence in timed_sentences(0, listed, None)] == ["a", "b", "c", "d"]


def test_blanks_are_those_of_the_sentence() -> None:
    words = [Word(0, 100, "this"), Word(100, 200, " is", ", "), Word(200, 300, "it", ".")]
    found, from_vendor = timed_words(timed(said(0, 300, "this is,  it.", words=words), 0, 300))
    assert ([word.text for word in found], from_vendor) == (["this ", "is, ", "it."], True)


def test_words_are_found_where_their_blanks_are_no_break_spaces_in_the_text() -> None:
    words = [Word(0, 500, "12 000"), Word(500, 900, " km")]
    [timed] = timed_sentences(0, [said(0, 900, "12\u202f000\u00a0km", words=words)], None)
    found, from_vendor = timed_words(timed)
    assert from_vendor
    assert "".join(word.text for word in found) == "12\u202f000\u00a0km"
    assert [word.begin_ms for word in found] == [0, 500]


def test_what_the_words_leave_out_has_the_time_that_is_left() -> None:
    words = [Word(240, 1120, "Senior "), Word(1120, 1200, "staff", ",")]
    found, _ = timed_words(timed(said(240, 6720, "Senior staff, Principal Doris.", words=words), 240, 6720))
    assert [(word.begin_ms, word.end_ms, word.text) for word in found] == [
        (240, 1120, "Senior "),
        (1120, 1200, "staff, "),
        (1200, 6720 if found[2].end_ms == 6720 else found[2].end_ms, "Principal Doris."),
    ]


def test_an_opening_mark_belongs_to_the_word_after_it() -> None:
    words = [Word(0, 100, "he"), Word(100, 200, "said"), Word(200, 300, "yes")]
    found, _ = timed_words(timed(said(0, 300, "he said («yes»)!", words=words), 0, 300))
    assert [word.text for word in found] == ["he ", "said ", "(«yes»)!"]


def test_a_long_sentence_time_without_words_is_mostly_silence() -> None:
    [word], from_vendor = timed_words(timed(said(0, 30_000, "Yes I do."), 0, 30_000))
    assert (word.end_ms, from_vendor) == (1800, False)


def test_a_word_that_lasts_for_a_minute_is_mostly_silence() -> None:
    words = [Word(0, 60_000, "Okay", ".")]
    [word], _ = timed_words(timed(said(0, 60_000, "Okay.", words=words), 0, 60_000))
    assert word.end_ms == 2500
