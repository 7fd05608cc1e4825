"""Results that other programs are known to render wrongly: every file has all of the text, at the right place."""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from typing import Any

import pysubs2
import pytest

from dashscribe.domain.transcripts.cues import Cue, subtitles
from dashscribe.domain.transcripts.plain_text import plain_text
from dashscribe.domain.transcripts.subtitle_files import srt, vtt
from dashscribe.domain.transcripts.transcript import Transcript, neutral
from dashscribe.domain.transcripts.vendor_result import VendorResult

Json = dict[str, Any]
MAX_CUE_MS = 7_000


def sentence(begin: object, end: object, text: str, **more: object) -> Json:
    return {"begin_time": begin, "end_time": end, "text": text, **more}


def track(*sentences: Json, text: object = None, channel: int = 0) -> Json:
    return {"channel_id": channel, "text": text, "sentences": list(sentences)}


def read(*tracks: Json) -> Transcript:
    result = VendorResult.model_validate({"transcripts": list(tracks)})
    return neutral(result, job_id="j", model="fun-asr", media="s3://media/a.mp3")


def cues_of(*sentences: Json) -> tuple[Cue, ...]:
    return subtitles(read(track(*sentences, text="".join(each["text"] for each in sentences)))).cues


def lines_of(text: str, end_ms: int) -> list[str]:
    return [line for cue in cues_of(sentence(0, end_ms, text)) for line in cue.lines]


def test_sentences_without_blanks_between_them_are_not_glued() -> None:
    assert "one. Two" in plain_text(read(track(sentence(0, 900, "This is one."), sentence(900, 1800, "Two follows."))))
    assert "一。二" in plain_text(read(track(sentence(0, 900, "这是一。"), sentence(900, 1800, "二在后面。"))))


def test_a_sentence_without_an_end_is_in_the_subtitles() -> None:
    cues = cues_of(sentence(0, None, "No end is given."), sentence(4000, 5000, "This one ends."))
    assert "No end is given." in srt(cues)
    assert all(earlier.end_ms <= later.begin_ms for earlier, later in pairwise(cues))


def test_a_channel_without_sentences_is_in_the_text_next_to_one_with_speakers() -> None:
    speakers = (sentence(0, 900, "Who is there?", speaker_id=0), sentence(900, 1800, "It is me.", speaker_id=1))
    text = plain_text(read(track(*speakers), {"channel_id": 1, "text": "The other line.", "sentences": None}))
    assert all(said in text for said in ("Who is there?", "It is me.", "The other line."))


@pytest.mark.parametrize("unknown", [-1, None])
def test_a_speaker_that_was_not_told_apart_gets_no_number(unknown: int | None) -> None:
    first = sentence(0, 900, "Who is there?", speaker_id=unknown)
    text = plain_text(read(track(first, sentence(900, 1800, "It is me.", speaker_id=0))))
    assert "Speaker 0" not in text
    assert "Speaker 2" not in text


def test_a_short_text_over_a_long_silence_is_one_short_cue() -> None:
    [cue] = cues_of(sentence(0, 45_000, "No, thank you."))
    assert cue.end_ms - cue.begin_ms <= MAX_CUE_MS


@pytest.mark.parametrize("cut", range(8))
def test_no_line_begins_with_a_combining_mark(cut: int) -> None:
    thai = "วันนี้เรามาประชุมกันเพื่อวางแผนงานของปีหน้าและติดตามงานที่ยังไม่เสร็จของทุกฝ่าย"
    for line in lines_of(thai[cut:], 9_000)[1:]:
        assert unicodedata.category(line[0]) not in ("Mn", "Mc", "Me")
        assert line[0] != "\u0e33"


def test_korean_lines_break_at_blanks_only() -> None:
    korean = "회의는 내일 오전 아홉 시에 시작하고 점심시간 전에 끝날 예정이니 모두 늦지 않게 참석해 주시기 바랍니다"
    assert [word for line in lines_of(korean, 9_000) for word in line.split()] == korean.split()


@pytest.mark.parametrize("length", range(12, 40, 3))
def test_no_line_begins_with_a_closing_or_ends_with_an_opening_mark(length: int) -> None:
    text = "他" * length + "，" + "老师说「" + "对" * 25 + "」。" + "好" * 7 + "。"
    for line in lines_of(text, 8_000):
        assert line[0] not in "，。」！？、；：）》"
        assert line[-1] not in "「（《"


def test_a_latin_word_or_number_in_chinese_is_not_cut() -> None:
    text = "我们把PostgreSQL数据库迁移到CockroachDB，再用Terraform管理12000台服务器，大家辛苦了。"
    lines = lines_of(text, 12_000)
    for word in ("PostgreSQL", "CockroachDB", "Terraform", "12000"):
        assert any(word in line for line in lines), word


def test_cues_of_speech_without_a_duration_do_not_overlap() -> None:
    cues = cues_of(
        sentence(500, 500, "Yes. "),
        sentence(530, 530, "No! "),
        sentence(560, 560, "Why? "),
        sentence(600, 1900, "Now."),
    )
    assert all(earlier.end_ms <= later.begin_ms for earlier, later in pairwise(cues))
    assert "".join("".join(cue.lines) for cue in cues).replace(" ", "") == "Yes.No!Why?Now."


def test_a_player_shows_angle_brackets_and_braces_of_speech() -> None:
    cues = cues_of(sentence(0, 3_000, "Use List<Integer> and {\\pos} here."))
    shown = pysubs2.SSAFile.from_string(srt(cues), format_="srt")[0].plaintext
    assert "Integer" in shown
    assert "pos" in shown
    assert "List&lt;Integer&gt;" in vtt(cues).replace("\n", " ")
