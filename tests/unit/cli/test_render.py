"""`dashscribe render` on files of this machine: every family of results, and every way to use it wrongly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.__main__ import main
from dashscribe.domain.jobs.job import Status
from dashscribe.domain.jobs.job_report import job_report
from dashscribe.domain.transcripts.outputs import DEFAULT_OUTPUTS, OUTPUTS
from local.event_documents import sample_job

Json = dict[str, Any]
WORDS = [
    {"begin_time": 0, "end_time": 400, "text": "Hello", "punctuation": ""},
    {"begin_time": 400, "end_time": 900, "text": " there", "punctuation": "."},
]
SENTENCE = {"begin_time": 0, "end_time": 900, "text": "Hello there.", "sentence_id": 1, "words": WORDS}
RESULT = {
    "file_url": "s3://media/talks/a%20b.mp3",
    "properties": {"original_duration_in_milliseconds": 9000},
    "transcripts": [{"channel_id": 0, "text": "Hello there.", "sentences": [SENTENCE]}],
}
FLASH = {"output": {"choices": [{"finish_reason": "stop", "message": {"content": [{"text": "Hello there."}]}}]}}
OPENAI = {"choices": [{"finish_reason": "stop", "message": {"content": "Hello there."}}]}
DELTAS = [
    {"choices": [{"delta": {"content": "Hello"}, "finish_reason": None}]},
    {"choices": [{"delta": {"content": " there."}, "finish_reason": "stop"}]},
]
TIMED_FLASH = {
    "output": {"text": "Hello there.", "sentence": {**SENTENCE, "sentence_end": True}},
    "usage": {"duration": 1},
}


def stored(folder: Path, document: object) -> Path:
    path = folder / "result.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def text_of(folder: Path, document: object) -> str:
    assert main(["render", str(stored(folder, document)), "--out", str(folder / "out"), "--outputs", "txt,srt"]) == 0
    return (folder / "out" / "transcript.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "document",
    [RESULT, FLASH, OPENAI, {"frames": DELTAS}, TIMED_FLASH, {"frames": [TIMED_FLASH]}],
    ids=["asynchronous", "dashscope reply", "openai reply", "deltas", "timed reply", "timed frames"],
)
def test_the_result_of_every_family_is_rendered(tmp_path: Path, document: object) -> None:
    assert text_of(tmp_path, document) == "Hello there.\n"


def test_a_result_that_is_not_quite_json_is_rendered(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(json.dumps(RESULT).encode().replace(b"a%20b", b"\xff\n") + b"\0")
    assert main(["render", str(path), "--out", str(tmp_path / "out"), "--outputs", "txt"]) == 0
    assert (tmp_path / "out" / "transcript.txt").read_text(encoding="utf-8") == "Hello there.\n"


def test_the_cues_have_the_times_of_the_words(tmp_path: Path) -> None:
    text_of(tmp_path, TIMED_FLASH)
    assert (tmp_path / "out/transcript.srt").read_text() == "1\n00:00:00,000 --> 00:00:00,900\nHello there.\n"


@pytest.mark.parametrize(
    "note",
    [
        {"file_url": "s3://m/k", "code": "SUCCESS_WITH_NO_VALID_FRAGMENT", "message": "silent"},
        {"code": "ASR_RESPONSE_HAVE_NO_WORDS", "message": "no words"},
    ],
)
def test_a_recording_without_speech_has_empty_files(tmp_path: Path, note: object) -> None:
    assert text_of(tmp_path, note) == ""


def test_half_a_character_is_shown_as_a_replacement_character(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text('{"transcripts": [{"sentences": [{"begin_time": 0, "end_time": 900, "text": "a\\ud800b"}]}]}')
    assert main(["render", str(path), "--outputs", ",".join(OUTPUTS)]) == 0
    assert (tmp_path / "transcript.txt").read_text(encoding="utf-8") == "a\ufffdb\n"


def test_the_default_outputs_are_written_next_to_the_result(tmp_path: Path) -> None:
    assert main(["render", str(stored(tmp_path, RESULT))]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "result.json",
        *(OUTPUTS[name].file_name for name in DEFAULT_OUTPUTS),
    }


def test_a_folder_names_the_result_in_it(tmp_path: Path) -> None:
    stored(tmp_path, RESULT)
    assert main(["render", str(tmp_path), "--outputs", "txt"]) == 0
    assert (tmp_path / "transcript.txt").exists()


def test_every_output_can_be_rendered(tmp_path: Path) -> None:
    assert main(["render", str(stored(tmp_path, RESULT)), "--outputs", ",".join(OUTPUTS)]) == 0
    assert all((tmp_path / output.file_name).stat().st_size for output in OUTPUTS.values())


def test_the_job_json_next_to_the_result_decides_what_is_not_given(tmp_path: Path) -> None:
    report = json.loads(job_report(sample_job(Status.SUCCEEDED)).model_dump_json())
    report["options"] |= {"outputs": ["md"], "model": "fun-asr-mtl"}
    (tmp_path / "job.json").write_text(json.dumps(report), encoding="utf-8")
    assert main(["render", str(stored(tmp_path, RESULT))]) == 0
    assert not (tmp_path / "transcript.txt").exists()
    markdown = (tmp_path / "transcript.md").read_text(encoding="utf-8")
    assert markdown.startswith("# 会议 Q1 + Q2.wav\n")
    assert "fun-asr-mtl" in markdown
    assert "- Date: 2026-01-01" in markdown.replace("\\", "")


def test_subtitle_options_can_be_given(tmp_path: Path) -> None:
    long = {**SENTENCE, "text": "Hello there, this sentence needs more than one line.", "words": [], "end_time": 5000}
    path = stored(tmp_path, {"transcripts": [{"text": long["text"], "sentences": [long]}]})
    assert main(["render", str(path), "--outputs", "srt", "--subtitles", '{"lines": 1}']) == 0
    assert (tmp_path / "transcript.srt").read_text().count("-->") > 1


def test_no_signed_address_gets_into_a_file(tmp_path: Path) -> None:
    signed = {**RESULT, "file_url": "https://media.s3.amazonaws.com/talks/a%20b.mp3?X-Amz-Signature=secret"}
    assert (
        main(["render", str(stored(tmp_path, signed)), "--out", str(tmp_path / "o"), "--outputs", ",".join(OUTPUTS)])
        == 0
    )
    written = b"".join(path.read_bytes() for path in (tmp_path / "o").iterdir())
    assert b"a b.mp3" in written
    assert b"secret" not in written
    assert b"amazonaws" not in written.replace(b"docs.aws.amazon", b"")


def test_the_report_says_what_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["render", str(stored(tmp_path, RESULT)), "--outputs", "txt,srt", "--json"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out) == {
        "rendered": [
            {
                "source": str(tmp_path / "result.json"),
                "changed": ["transcript.txt", "transcript.srt"],
                "unchanged": [],
                "subtitle_warnings": {},
            }
        ],
        "failed": [],
    }
    (tmp_path / "transcript.txt").write_text("edited")
    assert main(arguments[:-1]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/result.json: wrote transcript.txt; as before: transcript.srt\n"
    assert main(arguments[:-1]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/result.json: nothing changed\n"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not json", id="not JSON"),
        pytest.param(b"\xff\xfe", id="not UTF-8"),
        pytest.param(b"[1, 2]", id="an array"),
        pytest.param(b"null", id="null"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(b'{"transcripts": 3}', id="a number of transcripts"),
        pytest.param(b'{"transcripts": [{"sentences": [{"text": 7}]}]}', id="a number as text"),
        pytest.param(
            b'{"output": {"choices": [{"finish_reason": "length", "message": {"content": "cut"}}]}}', id="a cut reply"
        ),
        pytest.param(
            b'{"frames": [{"choices": [{"delta": {"content": "cut"}, "finish_reason": null}]}]}', id="a cut stream"
        ),
        pytest.param(b'{"frames": 3}', id="a number of frames"),
        pytest.param(b"[" * 100_000, id="too many levels"),
    ],
)
def test_a_result_of_an_unknown_shape_gives_one_sentence_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: bytes
) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(body)
    assert main(["render", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"dashscribe: {path}: ")
    assert captured.err.rstrip().endswith(".")
    assert captured.err.count("\n") == 1
    assert [each.name for each in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["render"],
        ["rendr", "x"],
        ["render", "result.json", "--outputs", "pdf"],
        ["render", "result.json", "--outputs", ""],
        ["render", "result.json", "--subtitles", '{"lines": 9}'],
        ["render", "result.json", "--subtitles", "{"],
        ["render", "result.json", "--outputz", "txt"],
    ],
)
def test_wrong_usage_is_explained_and_ends_with_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ('{"lines": 9}', ["lines", "less than or equal to 3", "9"]),
        ('{"line_width": 3}', ["line_width", "3", "from 8 to 200"]),
        ('{"speakers": {"0": "Anna"}}', ["speakers", "'0'", "from 1"]),
    ],
)
def test_a_refused_subtitle_option_is_named_with_what_was_given_and_what_is_allowed(
    capsys: pytest.CaptureFixture[str], options: str, said: list[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["render", "result.json", "--subtitles", options])
    error = capsys.readouterr().err.rpartition("error:")[2]
    assert [part for part in said if part not in error] == []


def test_null_is_not_a_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "result.json").write_text("null")
    assert main(["render", str(tmp_path / "result.json")]) == 2
    assert "not an object" in capsys.readouterr().err


@pytest.mark.parametrize("source", ["missing.json", "result.json --prefix", "s3:///key"])
def test_a_source_that_cannot_be_meant_ends_with_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], source: str
) -> None:
    monkeypatch.chdir(tmp_path)
    stored(tmp_path, RESULT)
    assert main(["render", *source.split()]) == 2
    assert capsys.readouterr().err.startswith("dashscribe: ")


def test_a_folder_that_cannot_be_written_ends_with_exit_code_2(tmp_path: Path) -> None:
    path = stored(tmp_path, RESULT)
    assert main(["render", str(path), "--out", str(path)]) == 2
