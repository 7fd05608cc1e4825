"""Results of the vendor with something missing or odd: the files still have everything that was said."""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from typing import Any

import pysubs2
import pytest

from dashscribe.domain.transcripts.cues import Cue, subtitles
from dashscribe.domain.transcripts.plain_text import plain_text
from dashscribe.domain.transcripts.subtitle_files import srt
from dashscribe.domain.transcripts.transcript import Transcript, neutral
from dashscribe.domain.transcripts.vendor_result import VendorResult

Json = dict[str, Any]


def sentence(begin: int | None, end: int | None, text: str, **more: Any) -> Json:
    return {"begin_time": begin, "end_time": end, "text": text, **more}


def track(*sentences: Json, text: str | None = None, channel: int = 0) -> Json:
    joined = " ".join(part["text"] for part in sentences)
    return {"channel_id": channel, "text": joined if text is None else text, "sentences": list(sentences) or None}


def read(*tracks: Json) -> Transcript:
    document = {"properties": {"original_duration_in_milliseconds": 60_000}, "transcripts": list(tracks)}
    return neutral(VendorResult.model_validate(document), job_id="j", model="fun-asr", media="s3://media/x")


def cues(*tracks: Json) -> tuple[Cue, ...]:
    return subtitles(read(*tracks)).cues


def lines(text: str, end: int) -> list[str]:
    return [line for cue in cues(track(sentence(0, end, text))) for line in cue.lines]


def test_sentences_of_a_channel_without_a_text_have_a_blank_between_them() -> None:
    result = read(
        {"text": None, "sentences": [sentence(0, 1000, "Hello there."), sentence(1000, 2000, "How are you?")]}
    )
    assert plain_text(result) == "Hello there. How are you?\n"
    assert result.text == "Hello there. How are you?"


def test_chinese_sentences_of_a_channel_without_a_text_have_no_blank_between_them() -> None:
    result = read({"text": None, "sentences": [sentence(0, 1000, "你好。"), sentence(1000, 2000, "再见。")]})
    assert (plain_text(result), result.text) == ("你好。再见。\n", "你好。再见。")


def test_text_that_no_sentence_has_is_in_the_text_file() -> None:
    result = read(track(sentence(0, 1000, "Hello there."), text="Hello there. And more."))
    assert plain_text(result) == "Hello there. And more.\n"


def test_a_sentence_without_an_end_is_shown() -> None:
    found = cues(track(sentence(0, None, "Hello there."), sentence(2000, 3000, "Good.")))
    assert "Hello there." in srt(found)
    assert all(one.end_ms <= other.begin_ms for one, other in pairwise(found))


def test_a_channel_that_has_only_a_text_is_in_the_text_file() -> None:
    speakers = track(sentence(0, 1000, "Hello.", speaker_id=0), sentence(1000, 2000, "Hi.", speaker_id=1))
    text = plain_text(read(speakers, track(text="Third voice.", channel=1)))
    assert all(said in text for said in ("Hello.", "Hi.", "Third voice."))
    assert "Channel 2" in text


def test_a_speaker_that_the_model_does_not_tell_has_no_number() -> None:
    text = plain_text(read(track(sentence(0, 1000, "Hi.", speaker_id=-1), sentence(1000, 2000, "Ho.", speaker_id=0))))
    assert "Speaker 0" not in text
    assert "Speaker 1" in text


def test_a_short_text_over_a_long_time_is_one_cue_of_at_most_seven_seconds() -> None:
    [cue] = cues(track(sentence(0, 30_000, "Yes I do.")))
    assert cue.end_ms - cue.begin_ms <= 7_000


@pytest.mark.parametrize("cut", range(12))
def test_no_line_of_thai_begins_with_a_combining_mark(cut: int) -> None:
    text = "ผมคิดว่าวันนี้อากาศดีมากและเราน่าจะออกไปเดินเล่นที่สวนสาธารณะใกล้บ้านกันสักหน่อย"[cut:]
    for line in lines(text, 9_000):
        assert unicodedata.category(line[0]) not in ("Mn", "Mc", "Me")
        assert line[0] != "\u0e33"


def test_korean_breaks_at_blanks_only() -> None:
    text = "선택지를 자유롭게 가져갈 수 있다는 점을 이용해서 우리는 더 좋은 결과를 만들 수 있었습니다"
    assert [word for line in lines(text, 8_000) for word in line.split()] == text.split()


@pytest.mark.parametrize("length", range(15, 45))
def test_no_chinese_line_begins_with_a_closing_mark_or_ends_with_an_opening_one(length: int) -> None:
    for line in lines("我" * length + "，" + "他说「" + "好" * 30 + "」。" + "这" * 9 + "。", 6_000):
        assert line[0] not in "，。」！？、；：）》"
        assert line[-1] not in "「（《"


def test_latin_words_and_numbers_in_chinese_stay_whole() -> None:
    text = "今天我们使用Kubernetes集群部署Elasticsearch，然后再用Prometheus监控3000个微服务，谢谢大家。"
    found = lines(text, 12_000)
    for word in ("Kubernetes", "Elasticsearch", "Prometheus", "3000"):
        assert any(word in line for line in found)


def test_sentences_of_no_length_do_not_overlap() -> None:
    found = cues(
        track(sentence(1000, 1000, "Oh."), sentence(1040, 1040, "What?"), sentence(1080, 2000, "In our house."))
    )
    assert all(one.end_ms <= other.begin_ms for one, other in pairwise(found))
    assert "".join(cue.text for cue in found).replace("\n", "").replace(" ", "") == "Oh.What?Inourhouse."


def test_spoken_markup_is_shown_by_a_player_of_subrip() -> None:
    text = "It is a MyValue<String> or {\\an8} like before."
    [event] = pysubs2.SSAFile.from_string(srt(cues(track(sentence(0, 3000, text)))), format_="srt")
    assert "String" in event.plaintext
    assert "an8" in event.plaintext
