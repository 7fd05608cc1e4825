"""Each output is a valid file of its format and has the whole text."""

from __future__ import annotations

import html
import json
import logging
import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import pysubs2
import pytest
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st
from ttconv.imsc import reader  # type: ignore[import-untyped]  # the package has no types
from ttconv.vtt import writer  # type: ignore[import-untyped]

from dashscribe.domain.transcripts.cues import Cue
from dashscribe.domain.transcripts.outputs import (
    DEFAULT_OUTPUTS,
    OUTPUTS,
    Output,
    RenderContext,
    ordered_outputs,
    parse_outputs,
    recording_name,
)
from dashscribe.domain.transcripts.script_rules import SubtitleOptions
from dashscribe.domain.transcripts.transcript import Transcript, empty, neutral, transcript_json
from dashscribe.domain.transcripts.ttml import ttml
from dashscribe.domain.transcripts.vendor_result import VendorResult
from tests.unit.domain.transcripts.speech import SAMPLES, said, spoken, transcript

SILENT = empty(job_id="j", model="m", media="s3://media/talk.mp3")
UNTIMED = transcript([said(None, None, "Hello & good-bye.")])
TALK = transcript([spoken("Hello there, Anna.", 500, speaker=0), spoken("Good day to you.", 4000, speaker=1)])
HOSTILE_NAME = "</script><b>\n'Anna' & \"Co\" {\\an8} " + "x" * 300


def rendered(name: str, source: Transcript, **options: Any) -> str:
    return OUTPUTS[name].render(source, RenderContext(outputs=DEFAULT_OUTPUTS, **options)).decode()


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("output", OUTPUTS.values(), ids=list(OUTPUTS))
@pytest.mark.parametrize("source", [TALK, SILENT, UNTIMED], ids=["talk", "silent", "untimed"])
def test_every_output_is_rendered_for_every_transcript(output: Output, source: Transcript) -> None:
    body = output.render(source, RenderContext(date="2026-01-31", outputs=tuple(OUTPUTS)))
    body.decode()
    assert output.file_name == f"transcript.{output.name}"
    assert output.event_key == ("text" if output.name == "txt" else output.name)
    if "json" in output.content_type:
        json.loads(body)


def test_the_names_are_put_in_the_order_of_the_table_once_each() -> None:
    assert parse_outputs("vtt, txt,vtt") == ("txt", "vtt") == ordered_outputs(["vtt", "txt"])


@pytest.mark.parametrize("text", ["", " , ", "pdf", "txt,pdf"])
def test_an_unknown_name_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="allowed are txt, srt, vtt, html, md,"):
        parse_outputs(text)


def test_the_cues_are_made_once_for_all_subtitle_files() -> None:
    context = RenderContext()
    assert context.subtitles(TALK) is context.subtitles(TALK)


def test_warnings_of_subtitles_are_known_after_the_subtitles_are_rendered() -> None:
    context = RenderContext()
    assert context.subtitle_warnings == {}
    OUTPUTS["srt"].render(UNTIMED, context)
    assert context.subtitle_warnings == {"sentences_without_times": 1}


def test_without_times_there_are_no_cues_and_the_files_that_can_say_so_do() -> None:
    note = "The model gives no times, so there are no subtitles."
    assert rendered("srt", UNTIMED) == ""
    assert rendered("vtt", UNTIMED) == f"WEBVTT\n\nNOTE {note}\n"
    assert webvtt.from_string(rendered("vtt", UNTIMED)).captions == []
    assert note in rendered("ttml", UNTIMED)
    assert rendered("txt", UNTIMED) == "Hello & good-bye.\n"
    assert json.loads(rendered("whisper_json", UNTIMED)) == {
        "text": "Hello & good-bye.",
        "segments": [],
        "language": None,
    }


def test_without_text_the_files_are_empty_and_valid() -> None:
    assert (rendered("txt", SILENT), rendered("srt", SILENT), rendered("vtt", SILENT)) == ("", "", "WEBVTT\n")
    assert json.loads(rendered("aws_transcribe_json", SILENT))["results"]["items"] == []


@pytest.mark.parametrize("name", ["srt", "vtt", "ttml", "html", "md"])
def test_a_speakers_name_with_markup_is_shown_as_text(name: str) -> None:
    options = SubtitleOptions(speakers={"1": HOSTILE_NAME})
    body = rendered(name, TALK, subtitle_options=options)
    assert not re.search(r"(?<!\\)<b>", body)
    if name == "html":
        assert body.count("</script>") == rendered("html", TALK).count("</script>")
    elif name == "ttml":
        ElementTree.fromstring(body)  # noqa: S314  # our own file
        assert "&lt;/script&gt;" in body


def test_markdown_links_to_the_page_only_where_there_is_one() -> None:
    with_page = OUTPUTS["md"].render(TALK, RenderContext(outputs=("html", "md"))).decode()
    without = OUTPUTS["md"].render(TALK, RenderContext(outputs=("md",))).decode()
    assert "](transcript.html#t=4)" in with_page
    assert "### 00:00:04 Speaker 2" in without
    assert "transcript.html" not in without


def test_markdown_has_the_date_the_names_and_the_languages() -> None:
    source = transcript([said(0, 900, "Hi.", 0, language="en"), said(900, 2000, "再见。", 1, language="zh")])
    body = rendered("md", source, date="2026-01-31", subtitle_options=SubtitleOptions(speakers={"2": "Ben"}))
    assert all(part in body for part in ("2026-01-31", "Speaker 1", "Ben", "en, zh"))


# whisper_json


def test_whisper_json_is_read_by_pysubs2() -> None:
    document = json.loads(rendered("whisper_json", TALK))
    found = pysubs2.load_from_whisper(document)
    assert [(event.start, event.end, event.plaintext.strip()) for event in found] == [
        (500, 1400, "Hello there, Anna."),
        (4000, 5200, "Good day to you."),
    ]


def test_whisper_json_has_the_words_in_seconds_with_their_blanks_and_the_speakers() -> None:
    document = json.loads(rendered("whisper_json", TALK, subtitle_options=SubtitleOptions(speakers={"2": "Ben"})))
    first, second = document["segments"]
    assert [(word["word"], word["start"]) for word in first["words"]] == [
        ("Hello", 0.5),
        (" there,", 0.8),
        (" Anna.", 1.1),
    ]
    assert (first["id"], first["speaker"], second["speaker"]) == (0, "Speaker 1", "Ben")
    assert "".join(word["word"] for word in second["words"]) == second["text"]


@pytest.mark.parametrize("script", SAMPLES)
def test_whisper_segments_have_the_whole_text_in_order(script: str) -> None:
    source = transcript([spoken(SAMPLES[script], 100), said(60_000, 70_000, SAMPLES[script])])
    segments = json.loads(rendered("whisper_json", source))["segments"]
    assert squeezed("".join(segment["text"] for segment in segments)) == squeezed(source.text)
    for segment in segments:
        for word in segment.get("words", []):
            assert segment["start"] <= word["start"] <= word["end"] <= segment["end"]


def test_whisper_json_of_two_channels() -> None:
    source = transcript([spoken("Hi, Ben!", 500)], [said(2000, 2900, "再见。", language="zh")], [spoken("Oh", 4000)])
    document = rendered("whisper_json", source)
    assert json.loads(document) == {
        "text": "Hi, Ben!\n再见。\nOh",
        "segments": [
            {
                "id": 0,
                "start": 0.5,
                "end": 1.1,
                "text": "Hi, Ben!",
                "speaker": "Channel 1",
                "words": [
                    {"word": "Hi,", "start": 0.5, "end": 0.8},
                    {"word": " Ben!", "start": 0.8, "end": 1.1},
                ],
            },
            {"id": 1, "start": 2.0, "end": 2.9, "text": " 再见。", "speaker": "Channel 2"},
            {
                "id": 2,
                "start": 4.0,
                "end": 4.3,
                "text": "Oh",
                "speaker": "Channel 3",
                "words": [{"word": "Oh", "start": 4.0, "end": 4.3}],
            },
        ],
        "language": "zh",
    }
    assert "再见" in document


# aws_transcribe_json


def test_amazon_transcribe_json_has_words_punctuation_and_speakers() -> None:
    results = json.loads(rendered("aws_transcribe_json", TALK))["results"]
    assert results["transcripts"] == [{"transcript": TALK.text}]
    assert [item["alternatives"][0]["content"] for item in results["items"]] == (
        "Hello there , Anna . Good day to you .".split()
    )
    assert results["items"][1] == {
        "id": 1,
        "type": "pronunciation",
        "alternatives": [{"confidence": "1.0", "content": "there"}],
        "start_time": "0.800",
        "end_time": "1.100",
        "speaker_label": "spk_0",
    }
    assert "start_time" not in results["items"][2]
    assert [segment["items"] for segment in results["audio_segments"]] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    labels = results["speaker_labels"]
    assert labels["speakers"] == 2
    assert [segment["speaker_label"] for segment in labels["segments"]] == ["spk_0", "spk_1"]
    assert [len(segment["items"]) for segment in labels["segments"]] == [3, 4]


def test_amazon_transcribe_json_has_the_channels() -> None:
    results = json.loads(rendered("aws_transcribe_json", transcript([spoken("Yes?", 0)], [spoken("No!", 900)])))[
        "results"
    ]
    assert results["channel_labels"]["number_of_channels"] == 2
    assert [channel["channel_label"] for channel in results["channel_labels"]["channels"]] == ["ch_0", "ch_1"]
    assert [len(channel["items"]) for channel in results["channel_labels"]["channels"]] == [2, 2]


def test_a_sentence_without_word_times_is_one_item_of_amazon_transcribe() -> None:
    results = json.loads(rendered("aws_transcribe_json", transcript([said(0, 900, "How are you?")])))["results"]
    assert [item["alternatives"][0]["content"] for item in results["items"]] == ["How are you?"]


def test_amazon_transcribe_json_of_two_channels_and_a_speaker_change() -> None:
    """One sentence has word times, the other none: it is one item with its blanks and punctuation."""
    source = transcript([spoken("Hi, 5%!", 500)], [said(2000, 2900, "Bye. 再见")])
    first = {"speaker_label": "spk_0", "channel_label": "ch_0"}
    second = {"speaker_label": "spk_1", "channel_label": "ch_1"}
    hi, five = {"start_time": "0.500", "end_time": "0.800"}, {"start_time": "0.800", "end_time": "1.100"}
    both, bye = {"start_time": "0.500", "end_time": "1.100"}, {"start_time": "2.000", "end_time": "2.900"}
    without_ids: list[dict[str, object]] = [
        {"type": "pronunciation", "alternatives": [{"confidence": "1.0", "content": "Hi"}], **hi, **first},
        {"type": "punctuation", "alternatives": [{"confidence": "0.0", "content": ","}], **first},
        {"type": "pronunciation", "alternatives": [{"confidence": "1.0", "content": "5%"}], **five, **first},
        {"type": "punctuation", "alternatives": [{"confidence": "0.0", "content": "!"}], **first},
        {"type": "pronunciation", "alternatives": [{"confidence": "1.0", "content": "Bye. 再见"}], **bye, **second},
    ]
    items = [{"id": number, **item} for number, item in enumerate(without_ids)]
    assert json.loads(rendered("aws_transcribe_json", source)) == {
        "jobName": "j",
        "accountId": "",
        "status": "COMPLETED",
        "results": {
            "transcripts": [{"transcript": "Hi, 5%!\nBye. 再见"}],
            "items": items,
            "audio_segments": [
                {"id": 0, "transcript": "Hi, 5%!", **both, **first, "items": [0, 1, 2, 3]},
                {"id": 1, "transcript": "Bye. 再见", **bye, **second, "items": [4]},
            ],
            "speaker_labels": {
                "speakers": 2,
                "segments": [
                    {
                        **both,
                        "speaker_label": "spk_0",
                        "items": [{**hi, "speaker_label": "spk_0"}, {**five, "speaker_label": "spk_0"}],
                    },
                    {**bye, "speaker_label": "spk_1", "items": [{**bye, "speaker_label": "spk_1"}]},
                ],
            },
            "channel_labels": {
                "channels": [
                    {"channel_label": "ch_0", "items": items[:4]},
                    {"channel_label": "ch_1", "items": items[4:]},
                ],
                "number_of_channels": 2,
            },
        },
    }
    assert '"transcript":"Hi, 5%!\\nBye. 再见"' in rendered("aws_transcribe_json", source)


# ttml


def converted(document: str, caplog: pytest.LogCaptureFixture) -> str:
    """The document as WebVTT, by an independent implementation of IMSC that reports what is not valid."""
    with caplog.at_level(logging.WARNING):
        model = reader.to_model(ElementTree.ElementTree(ElementTree.fromstring(document)))  # noqa: S314  # our own file
        assert model is not None
        text: str = writer.from_model(model)
    assert [record.message for record in caplog.records] == []
    return text


@pytest.mark.parametrize("script", sorted(SAMPLES.keys() - {"markup"}))  # ttconv does not escape markup in WebVTT
def test_ttml_is_read_with_the_same_times_and_text_as_webvtt(script: str, caplog: pytest.LogCaptureFixture) -> None:
    source = transcript([spoken(SAMPLES[script], 100, speaker=0), spoken(SAMPLES[script], 60_000, speaker=1)])
    found = webvtt.from_string(converted(rendered("ttml", source), caplog)).captions
    expected = webvtt.from_string(rendered("vtt", source)).captions
    assert [(caption.start, caption.end) for caption in found] == [(each.start, each.end) for each in expected]
    marks = str.maketrans("", "", "\u200e\u200f\u2066\u2067\u2068\u2069\u202a\u202b\u202c")
    assert [squeezed(html.unescape(caption.text).translate(marks)) for caption in found] == [
        squeezed(html.unescape(caption.text).translate(marks)) for caption in expected
    ]


def test_markup_in_speech_is_text_in_ttml() -> None:
    source = transcript([spoken(SAMPLES["markup"])])
    document = ElementTree.fromstring(rendered("ttml", source))  # noqa: S314  # our own file
    paragraphs = document.iter("{http://www.w3.org/ns/ttml}p")
    assert squeezed("".join("".join(each.itertext()) for each in paragraphs)) == squeezed(SAMPLES["markup"])


@pytest.mark.parametrize("source", [SILENT, UNTIMED], ids=["silent", "untimed"])
def test_ttml_without_cues_is_valid(source: Transcript, caplog: pytest.LogCaptureFixture) -> None:
    assert "-->" not in converted(rendered("ttml", source), caplog)


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=1, max_size=40), st.text(max_size=40))
def test_any_text_and_any_name_make_well_formed_ttml(text: str, name: str) -> None:
    document = ttml([Cue(0, 900, (text,), (name,))], "en", title=text, note=name)
    ElementTree.fromstring(document)  # noqa: S314  # our own file


@pytest.mark.parametrize("script", SAMPLES, ids=SAMPLES)
def test_transcript_json_is_what_pydantic_writes(script: str) -> None:
    odd = said(None, None, '"quoted", timing":', speaker=1, language="en")
    for source in (transcript([spoken(SAMPLES[script]), odd], [], [odd]), transcript(), transcript([])):
        assert transcript_json(source) == source.__pydantic_serializer__.to_json(source)


@pytest.mark.parametrize(
    ("media", "title"), [("s3://media/calls/2026/talk.mp3", "talk.mp3"), ("s3://media/a/b/", "b"), ("", "Transcript")]
)
def test_the_title_is_the_name_of_the_file(media: str, title: str) -> None:
    result = VendorResult.model_validate({"transcripts": []})
    assert recording_name(neutral(result, job_id="j", model="fun-asr", media=media)) == title
