from __future__ import annotations

import pytest

from dashscribe.domain.transcripts.script_rules import cells
from dashscribe.domain.transcripts.transcript import Channel
from dashscribe.domain.transcripts.voices import LABEL_CELLS, Voice, short, voice_names
from tests.unit.domain.transcripts.speech import said, transcript


def names(*channels: list[int | None], **given: str) -> list[str]:
    spoken = [[said(n, n + 1, "x", speaker) for n, speaker in enumerate(speakers)] for speakers in channels]
    return list(
        voice_names(transcript(*spoken), {key.replace("_", ".").strip("."): v for key, v in given.items()}).values()
    )


def test_one_voice_has_no_name() -> None:
    assert names([0]) == [""]
    assert names([None]) == [""]


def test_speakers_and_channels_count_from_one() -> None:
    assert names([0, 1]) == ["Speaker 1", "Speaker 2"]
    assert names([None], [None]) == ["Channel 1", "Channel 2"]
    assert names([0], [0]) == ["Channel 1", "Channel 2"]
    assert names([0, 1], [0]) == ["Channel 1, Speaker 1", "Channel 1, Speaker 2", "Channel 2"]


@pytest.mark.parametrize("unknown", [None, -1])
def test_a_speaker_that_is_not_told_is_unknown(unknown: int | None) -> None:
    assert names([unknown, 0]) == ["Unknown speaker", "Speaker 1"]


def test_names_replace_numbers() -> None:
    assert names([0, 1], _2="Anna") == ["Speaker 1", "Anna"]
    assert names([None], [None], _1="Desk") == ["Desk", "Channel 2"]
    assert names([0, 1], [0], **{"1_2": "Anna"}) == ["Channel 1, Speaker 1", "Anna", "Channel 2"]


def test_a_name_is_one_line_without_control_characters() -> None:
    assert names([0, 1], _1=" Anna\n\u202e\x07 Lee ") == ["Anna Lee", "Speaker 2"]
    assert names([0, 1], _1=" \n ") == ["Speaker 1", "Speaker 2"]


@pytest.mark.parametrize("name", ["x" * 300, "字" * 300, "ก็" * 300])
def test_a_long_name_is_cut_in_subtitles(name: str) -> None:
    assert cells(short(name)) <= LABEL_CELLS
    assert short(name).endswith("…")
    assert short("Anna") == "Anna"


def test_a_channel_with_a_text_alone_is_a_voice() -> None:
    two = transcript([said(0, 1, "x")])
    silent = Channel(channel_id=1, speech_ms=None, text="y", sentences=[])
    assert Voice(1) in voice_names(two.model_copy(update={"channels": [*two.channels, silent]}), {})
