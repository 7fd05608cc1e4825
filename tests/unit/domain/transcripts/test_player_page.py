from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashscribe.domain.transcripts import player_page as module
from dashscribe.domain.transcripts.player_data import player_data
from dashscribe.domain.transcripts.player_page import bundle, player_page
from dashscribe.domain.transcripts.transcript import Channel, Sentence, Transcript, Word, empty
from tests.browser import samples

SOURCES = Path(module.__file__).parent / "player"
HOSTILE = "</script><!--<script>\u2028{{script}}\0<img src=x onerror=alert(1)>"


def page_of(transcript: Transcript, **arguments: Any) -> str:
    return player_page(transcript, **{"title": "A talk", **arguments}).decode()


def inlined(page: str, opening: str, tag: str) -> str:
    found = re.findall(rf"{re.escape(opening)}(.*?)</{tag}>", page, re.DOTALL)
    assert len(found) == 1
    return str(found[0])


def data_of(page: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(inlined(page, '<script type="application/json" id="data">', "script"))
    return data


def one(sentence: Sentence, text: str | None = None) -> Transcript:
    channel = Channel(channel_id=0, speech_ms=1, text=sentence.text if text is None else text, sentences=[sentence])
    return Transcript(
        job_id="j", model="m", media="s3://m/k.wav", duration_ms=1, speech_ms=1, text=channel.text, channels=[channel]
    )


# the page


def test_the_same_transcript_gives_the_same_bytes() -> None:
    assert player_page(samples.interview(), title="t") == player_page(samples.interview(), title="t")


def test_the_policy_allows_the_inlined_style_and_script_and_nothing_else() -> None:
    page = page_of(samples.interview())
    policy = html.unescape(re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[0])
    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    for directive, opening, tag in [
        ("style-src", "<style>", "style"),
        ("script-src", '<script type="module">', "script"),
    ]:
        digest = hashlib.sha256(inlined(page, opening, tag).encode()).digest()
        assert directives[directive] == f"'sha256-{base64.b64encode(digest).decode()}'"
    assert directives["default-src"] == "'none'"
    assert set(directives) - {"style-src", "script-src"} == {
        "default-src", "img-src", "media-src", "base-uri", "form-action",
    }  # fmt: skip


def test_the_page_names_no_other_place() -> None:
    page = page_of(samples.interview()).replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"https?://", page) == []
    assert re.findall(r"<(?:link|script|img|iframe)[^>]*(?:src|href)=\"(?!data:)", page) == []
    assert "@import" not in page


def test_a_signed_address_is_never_in_the_page() -> None:
    signed = samples.interview().model_copy(update={"media": "https://b.example/k.wav?X-Amz-Signature=secret#x"})
    page = page_of(signed)
    assert "secret" not in page
    assert data_of(page)["media"] == "https://b.example/k.wav"


def test_a_question_mark_in_a_key_is_kept() -> None:
    odd = samples.interview().model_copy(update={"media": "s3://m/what?.wav"})
    assert data_of(page_of(odd))["media"] == "s3://m/what?.wav"


@pytest.mark.parametrize("text", [HOSTILE, "{{data}}", "\ud800", "a\nb", "x" * 300])
def test_texts_of_other_people_are_never_markup(text: str) -> None:
    sentence = Sentence(sentence_id=1, begin_ms=0, end_ms=1, text=text)
    page = page_of(one(sentence), title=text, facts={text: text}, speaker_names={"1": text})
    data = data_of(page)
    assert data["channels"][0]["texts"] == [text]
    assert (data["title"], data["facts"], data["names"]) == (text, [[text, text]], {"1": text})
    assert page.count("<script") == page.count("</script>") == 2
    assert "<img" not in page


def test_a_title_without_signs_is_still_a_title() -> None:
    assert "<title>Transcript</title>" in page_of(samples.interview(), title=" \n")


def test_silent_audio_has_a_page() -> None:
    assert data_of(page_of(empty(job_id="j", model="m", media="s3://m/k")))["channels"] == []


def test_twelve_hours_are_small() -> None:
    assert len(gzip.compress(player_page(samples.twelve_hours(), title="t"), 6)) <= 1_000_000


# the transcript in the page


def read_back(data: dict[str, Any]) -> list[dict[str, Any]]:
    """The sentences as the page's own script reads them."""
    read: list[dict[str, Any]] = []
    for channel in data["channels"]:
        clock = 0
        pairs = zip(channel["times"][::2], channel["times"][1::2], strict=True)
        columns = zip(pairs, *(channel[name] for name in ("texts", "more", "words", "parts")), strict=True)
        for (gap, duration), text, more, words, parts in columns:
            begin = None if gap is None else clock + gap * data["unit"]
            start = clock if begin is None else begin
            end = None if duration is None else start + duration * data["unit"]
            read.append(
                {
                    "sentence_id": (more or {}).get("id", len(read) + 1),
                    "begin_ms": begin,
                    "end_ms": end,
                    "text": text,
                    "speaker": (more or {}).get("s"),
                    "language": (more or {}).get("l"),
                    "emotion": (more or {}).get("e"),
                    "words": None if parts == 0 else words_back(words, parts, text, start, data["unit"]),
                }
            )
            clock = clock if end is None else end
    return read


def words_back(times: list[int], texts: Any, text: str, clock: int, unit: int) -> list[dict[str, Any]]:
    if isinstance(texts, str):
        signs = text.encode("utf-16-le", "surrogatepass")
        lengths = [module_signs().index(sign) for sign in texts]
        position, parts = 0, []
        for length in lengths:
            parts.append(signs[2 * position : 2 * (position + length)].decode("utf-16-le", "surrogatepass"))
            position += length
        texts = list(zip(parts[1::3], parts[2::3], strict=True))
    words = []
    for index, (word, punctuation) in enumerate(texts):
        begin = clock + times[2 * index] * unit
        clock = begin + times[2 * index + 1] * unit
        words.append({"begin_ms": begin, "end_ms": clock, "text": word, "punctuation": punctuation})
    return words


def module_signs() -> str:
    found = re.search(r'LENGTH_SIGNS = "(\w+)"', (SOURCES / "data.js").read_text())
    assert found
    return found[1]


TEXT = st.text(st.sampled_from("ab .,中é😀\u0301"), max_size=8)
TIME = st.integers(-5, 100_000).map(lambda number: number * 10)
WORDS = st.lists(st.builds(Word, TIME, TIME, TEXT, TEXT), max_size=6)
SENTENCES = st.builds(
    Sentence,
    sentence_id=st.integers(0, 9),
    begin_ms=st.none() | TIME,
    end_ms=st.none() | TIME,
    text=TEXT,
    speaker=st.none() | st.integers(-1, 3),
    language=st.none() | st.just("en"),
    emotion=st.none() | st.just("happy"),
    words=st.none() | WORDS,
)


@st.composite
def spoken(draw: st.DrawFn) -> Sentence:
    """A sentence that is made of its words, as most are."""
    sentence = draw(SENTENCES)
    text = "".join(word.text + word.punctuation for word in sentence.words or []) or sentence.text
    return sentence.model_copy(update={"text": text})


@settings(max_examples=200, deadline=None)
@given(st.lists(SENTENCES | spoken(), max_size=5))
def test_the_page_has_all_of_the_transcript(sentences: list[Sentence]) -> None:
    channel = Channel(channel_id=3, speech_ms=None, text="as the vendor has it", sentences=sentences)
    transcript = Transcript(
        job_id="j", model="m", media="s3://m/k", duration_ms=None, speech_ms=None, text="", channels=[channel]
    )
    data = json.loads(player_data(transcript, title="t", facts={}, speaker_names={}))
    assert read_back(data) == [sentence.model_dump() for sentence in sentences]
    assert data["channels"][0]["text"] == "as the vendor has it"


@pytest.mark.parametrize("joiner", ["", " ", "\n"])
def test_the_text_of_a_channel_is_not_written_twice(joiner: str) -> None:
    sentences = [Sentence(sentence_id=n, begin_ms=n, end_ms=n, text=f"Sentence {n}.") for n in (1, 2)]
    transcript = one(sentences[0]).model_copy(
        update={
            "channels": [
                Channel(channel_id=0, speech_ms=None, text=joiner.join(s.text for s in sentences), sentences=sentences)
            ]
        }
    )
    assert player_page(transcript, title="t").count(b"Sentence 2.") == 1


# the sources


def test_the_modules_share_one_scope_without_conflict() -> None:
    script = bundle("main")
    assert re.findall(r"^(?:import|export) ", script, re.MULTILINE) == []


def test_every_module_is_in_the_page() -> None:
    script = bundle("main")
    for path in SOURCES.glob("*.js"):
        body = re.sub(r"^import .*?;\n|^export ", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
        assert body.strip() in script.replace("export ", ""), path.name
    assert {path.stem for path in SOURCES.glob("*.css")} == set(module.STYLES)


def test_two_modules_may_not_declare_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = {"a.js": 'import { b } from "./b.js";\nconst c = b;\n', "b.js": "export const b = 1;\nconst c = 2;\n"}
    monkeypatch.setattr(module, "_source", sources.__getitem__)
    with pytest.raises(ValueError, match=r"c is declared in b\.js and in a\.js"):
        bundle("a")


def test_an_import_that_no_module_exports_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = {"a.js": 'import { c } from "./b.js";\n', "b.js": "export const b = 1;\n"}
    monkeypatch.setattr(module, "_source", sources.__getitem__)
    with pytest.raises(ValueError, match=r"a\.js imports c, which b\.js does not export"):
        bundle("a")


def test_modules_that_import_each_other_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = {
        "a.js": 'import { b } from "./b.js";\nexport const a = 1;\n',
        "b.js": 'import { a } from "./a.js";\nexport const b = 1;\n',
    }
    monkeypatch.setattr(module, "_source", sources.__getitem__)
    with pytest.raises(ValueError, match="a → b → a"):
        bundle("a")


@pytest.mark.parametrize("path", sorted(SOURCES.glob("*.js")), ids=lambda path: path.name)
def test_the_scripts_put_no_text_into_the_page_as_markup(path: Path) -> None:
    source = path.read_text()
    assert (
        re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\(|fetch\(|XMLHttp", source
        )
        == []
    )
    assert len(source.splitlines()) <= 250
