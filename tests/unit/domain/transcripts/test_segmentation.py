from __future__ import annotations

from itertools import pairwise

import pytest

from dashscribe.domain.transcripts.atoms import Atom, atoms_of
from dashscribe.domain.transcripts.script_rules import GAP_MS, RULES, Script, SubtitleOptions
from dashscribe.domain.transcripts.segmentation import Shape, Stretch, segmented
from dashscribe.domain.transcripts.word_times import TimedText

RULE = RULES[Script.ALPHABETIC]


def atoms(text: str, begin_ms: int = 0, ms_a_word: int = 330, voice: int = 0) -> list[Atom]:
    words = text.split()
    timed = [
        TimedText(begin_ms + n * ms_a_word, begin_ms + (n + 1) * ms_a_word, word + " " * (n + 1 < len(words)))
        for n, word in enumerate(words)
    ]
    return atoms_of(timed, True, voice, RULE, "en")


def stretch(found: list[Atom], options: SubtitleOptions | None = None, labels: tuple[int, ...] = (0, 0)) -> Stretch:
    return Stretch(found, RULE, None, None, labels, options or SubtitleOptions())


def lines(found: list[Atom], shapes: list[Shape]) -> list[list[str]]:
    cues = []
    for shape in shapes:
        bounds = [shape.begin, *shape.line_starts, shape.end]
        cues.append(["".join(a.text + a.blank for a in found[b:e]).strip() for b, e in pairwise(bounds)])
    return cues


def divided(text: str, options: SubtitleOptions | None = None) -> list[list[str]]:
    found = atoms(text)
    return lines(found, segmented(stretch(found, options)))


def test_nothing_gives_nothing() -> None:
    assert segmented(stretch([])) == []


def test_a_short_sentence_is_one_line() -> None:
    assert divided("It is late.") == [["It is late."]]


def test_a_line_breaks_at_a_comma_and_before_a_conjunction() -> None:
    assert divided("When the meeting was over, everybody went home quietly.") == [
        ["When the meeting was over,", "everybody went home quietly."]
    ]
    assert divided("They wanted to buy a small house and live in the country.") == [
        ["They wanted to buy a small house", "and live in the country."]
    ]


def test_no_line_ends_with_an_article_or_a_preposition() -> None:
    text = "the history of the house on the corner of the street and of the people in the village near the river"
    ends = [line.split()[-1] for cue in divided(text) for line in cue[:-1]]
    assert ends
    assert not {"the", "of", "on", "and", "in"} & set(ends)


def test_a_cue_ends_at_the_end_of_a_sentence_and_tears_no_next_one() -> None:
    cues = divided(
        "This is the first of the sentences that are here. The second of them is about as long as the first one was."
    )
    assert cues[0][-1].endswith("here.")


def test_two_short_sentences_share_a_cue_that_would_be_too_short() -> None:
    assert divided("Yes. I know.") == [["Yes. I know."]]


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_cue_has_as_many_lines_as_the_option_allows(most: int) -> None:
    text = " ".join(["something"] * 40)
    cues = divided(text, SubtitleOptions(lines=most))
    assert max(map(len, cues)) == most
    assert all(len(line) <= 42 for cue in cues for line in cue)
    assert " ".join(line for cue in cues for line in cue) == text


def test_no_cue_lasts_longer_than_the_maximum() -> None:
    found = atoms("one two three four five six seven eight", ms_a_word=1200)
    shapes = segmented(stretch(found, SubtitleOptions(maximum_ms=4000)))
    assert all(found[s.end - 1].end_ms - found[s.begin].begin_ms <= 4000 for s in shapes)
    assert len(shapes) > 1


def test_the_last_words_are_not_alone_where_the_recording_ends_with_them() -> None:
    found = atoms(
        "We will come back to that in a later lecture, and then we shall see it. Any questions?", ms_a_word=230
    )
    speech = stretch(found)
    assert lines(found, segmented(speech))[-1] == ["Any questions?"]
    speech.next_begin_ms = found[-1].end_ms + GAP_MS
    assert lines(found, segmented(speech))[-1] == ["and then we shall see it. Any questions?"]


def test_two_voices_share_a_cue_where_each_alone_would_be_too_short() -> None:
    found = atoms("Seriously?", 0, 350) + atoms("Yes.", 380, 250, voice=1)
    [shape] = segmented(stretch(found))
    assert lines(found, [shape]) == [["Seriously?", "Yes."]]


def test_two_voices_with_time_to_read_have_a_cue_each() -> None:
    found = atoms("Did you send the invoice to them?") + atoms("Which of them do you mean?", 3000, voice=1)
    assert len(segmented(stretch(found))) == 2


def test_the_width_of_a_label_counts() -> None:
    found = atoms("a line that fits by itself into one row")
    assert segmented(stretch(found))[0].line_starts == ()
    assert segmented(stretch(found, labels=(11, 0)))[0].line_starts != ()
