"""Where words begin in scripts that are written without blanks."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

import budoux
import pytest

from dashscribe.domain.transcripts.unspaced_words import _budoux

TEXTS = {
    "ja": "今日は天気がとても良いので、友達と一緒に公園まで散歩に行きました。そこで昼ご飯を食べて写真を撮りました。",
    "zh-hans": "我们今天下午在图书馆里讨论了那个关于城市交通发展的问题，大家都觉得应该多修建一些公共汽车专用道。",
    "zh-hant": "我們今天下午在圖書館裡討論了那個關於城市交通發展的問題，大家都覺得應該多修建一些公共汽車專用道。",
    "th": "วันนี้อากาศดีมากเราจึงไปเดินเล่นที่สวนสาธารณะกับเพื่อนแล้วกินข้าวกลางวันและถ่ายรูปหลายรูป",
}


@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("ja", budoux.load_default_japanese_parser),
        ("zh-hans", budoux.load_default_simplified_chinese_parser),
        ("zh-hant", budoux.load_default_traditional_chinese_parser),
        ("th", budoux.load_default_thai_parser),
    ],
)
def test_the_bounds_are_those_of_budoux(name: str, load: Callable[[], budoux.Parser]) -> None:
    model, parser = _budoux(name), load()
    assert model is not None
    for start in range(len(TEXTS[name])):
        text = TEXTS[name][start:]
        assert [at for at, _ in model.bounds(text)] == list(accumulate(map(len, parser.parse(text))))[:-1], text
