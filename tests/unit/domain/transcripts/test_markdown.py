from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from dashscribe.domain.transcripts.markdown import escaped, markdown
from dashscribe.domain.transcripts.transcript import empty
from tests.unit.domain.transcripts.speech import said, transcript


def test_title_facts_and_turns_with_links() -> None:
    spoken = [said(0, 900, "Hello.", 0), said(751_400, 752_000, "Fine.", 1)]
    written = markdown(
        transcript(spoken, duration_ms=760_000), {"2": "Anna"}, date="2026-11-20", languages=["en", "de"]
    )
    assert written == (
        "# talk.mp3\n\n"
        "- Recording: s3://media/talks/talk.mp3\n- Date: 2026-11-20\n- Length: 00:12:40\n- Model: fun-asr\n"
        "- Languages: en, de\n\n"
        "## Transcript\n\n"
        "### [00:00:00](transcript.html#t=0) Speaker 1\n\nHello.\n\n"
        "### [00:12:31](transcript.html#t=751) Anna\n\nFine.\n"
    )


def test_the_paragraphs_of_one_voice_begin_with_their_times() -> None:
    assert markdown(transcript([said(5000, 5900, "Hello.")])).endswith("\n[00:00:05](transcript.html#t=5) Hello.\n")


def test_silence_is_a_valid_file_without_a_transcript() -> None:
    assert markdown(empty(job_id="j", model="m", media="s3://m/k")) == "# k\n\n- Recording: s3://m/k\n- Model: m\n"


@pytest.mark.parametrize(
    "text",
    [
        "*bold* _it_ `code` [a](b) <b> # no",
        "# no heading",
        "1. no list",
        "12) no list",
        "- no list",
        "+ no list",
        "> no quote",
        "---",
        "===",
        "| a | b |",
        "![a](b)",
        "a &amp; b",
        "\\ backslash",
        "<script>alert(1)</script>",
        "~~no~~",
    ],
)
def test_what_was_said_is_not_markup(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(escaped(text))
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    children = tokens[1].children or []
    assert all(child.type in ("text", "text_special") for child in children)
    assert "".join(child.content for child in children) == text
