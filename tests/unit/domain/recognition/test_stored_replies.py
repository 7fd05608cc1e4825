"""A reply is stored without secrets. Its transcript is unchanged."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashscribe.domain.recognition.file_outcomes import read_outcomes
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.stored_replies import remove_secrets
from dashscribe.domain.recognition.stored_results import read_result
from dashscribe.domain.recognition.task_replies import TaskReply
from dashscribe.errors import UnknownResult

MEDIA = Media(bucket="media", key="calls/a b.wav", version_id="v1", size_bytes=1)
SIGNATURE = "5ec7e7a1b2c3d4e5"
QUERY = f"versionId=v1&X-Amz-Security-Token=IQoJ%2F{SIGNATURE}&X-Amz-Signature={SIGNATURE}"
OURS = f"https://media.s3.us-east-1.amazonaws.com/calls/a%20b.wav?{QUERY}"
RESULT = f"http://r.oss-cn-beijing.aliyuncs.com/x.json?Expires=1&OSSAccessKeyId=LTAI&Signature={SIGNATURE}"


def test_our_presigned_url_becomes_the_s3_address_in_every_field() -> None:
    reply = {"file_url": OURS, "a": [{"b": {"url": OURS, "note": f"read from ({OURS}), once."}}]}
    assert remove_secrets(reply, MEDIA) == {
        "file_url": MEDIA.s3_uri,
        "a": [{"b": {"url": MEDIA.s3_uri, "note": f"read from ({MEDIA.s3_uri}), once."}}],
    }


def test_another_signed_url_loses_its_query() -> None:
    reply = remove_secrets({"file_url": OURS.replace("a%20b", "other"), "log": f"PUT {RESULT} 200"}, MEDIA)
    assert reply == {
        "file_url": "https://media.s3.us-east-1.amazonaws.com/calls/other.wav?[redacted]",
        "log": "PUT http://r.oss-cn-beijing.aliyuncs.com/x.json?[redacted] 200",
    }


def test_a_path_style_url_of_our_media_becomes_the_s3_address() -> None:
    url = f"http://127.0.0.1:4566/media/calls/a%20b.wav?{QUERY}"
    assert remove_secrets({"u": url}, MEDIA) == {"u": MEDIA.s3_uri}


@pytest.mark.parametrize("sample_name", ["fun_asr_result", "paraformer_result", "qwen_filetrans_result"])
def test_a_documented_result_is_unchanged(sample: Callable[[str], dict[str, Any]], sample_name: str) -> None:
    reply = {**sample(sample_name), "file_url": MEDIA.s3_uri}
    assert remove_secrets(copy.deepcopy(reply), MEDIA) == reply


def test_speech_about_urls_keys_and_signatures_is_unchanged() -> None:
    reply = {"text": "Signature: none. See https://example.com/?q=1, a sk-etch, 100 %, C:\\new &amp; = more."}
    assert remove_secrets(copy.deepcopy(reply), MEDIA) == reply


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.sampled_from([OURS, RESULT, f"no: {OURS}!"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=10) | st.sampled_from([OURS, "Signature", "file_url"]), inner, max_size=4)
    ),
)


@settings(max_examples=200, deadline=None)
@given(JSON, st.sampled_from([json.dumps, str, repr]))
def test_no_reply_is_stored_with_a_signature(document: object, encode: Callable[[object], str]) -> None:
    reply = remove_secrets({"reply": document, "quoted": encode(document)}, MEDIA)
    assert SIGNATURE not in json.dumps(reply)


# text of a task's reply


@pytest.mark.parametrize("padding", [0, 420, 470, 600])
@pytest.mark.parametrize("quoted", [OURS, RESULT, "Authorization: Bearer 5ec7e7a1b2c3d4e5", f"key sk-{SIGNATURE}"])
@pytest.mark.parametrize("where", ["subtask", "task"])
def test_a_quoted_secret_is_not_in_an_outcome_also_where_it_is_shortened(quoted: str, padding: int, where: str) -> None:
    text = "x" * padding + f" cannot download {quoted}"
    error = {"code": text, "message": text}
    subtask = {"file_url": OURS, "subtask_status": text, **(error if where == "subtask" else {})}
    body = {
        "output": {"task_id": text, "task_status": text, "results": [subtask], **(error if where == "task" else {})}
    }
    reply = TaskReply.model_validate(body)
    [outcome] = read_outcomes(reply.output, {"job": MEDIA}).values()
    [missing] = read_outcomes(reply.output.model_copy(update={"results": []}), {"job": MEDIA}).values()
    for shown in (outcome, missing, reply.output.task_id, reply.output.task_status):
        assert "5ec7" not in str(shown)
    assert len(outcome.message or "") <= 500


def test_a_stored_note_of_silence_is_an_empty_transcript() -> None:
    note = {"file_url": "s3://m/k", "code": "ASR_RESPONSE_HAVE_NO_WORDS", "message": "no words"}
    found = read_result(note, job_id="j", model="fun-asr", media="s3://m/k")
    assert (found.job_id, found.model, found.media) == ("j", "fun-asr", "s3://m/k")
    assert (found.text, found.channels) == ("", [])


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "not an object"),
        ({"code": "X", "other": 1}, "no complete result"),
        ({"code": 7}, "no complete result"),
        ({"transcripts": 7}, "/transcripts is unknown"),
    ],
)
def test_a_file_that_is_no_result_is_refused_with_the_reason(document: object, words: str) -> None:
    with pytest.raises(UnknownResult, match=words):
        read_result(document, job_id="j", model="fun-asr", media="s3://m/k")


def test_a_stored_result_is_read_with_the_names_of_its_job() -> None:
    for document in ({"transcripts": [{"text": "Hi."}]}, {"output": {"text": "Hi."}}):
        found = read_result(document, job_id="j", model="fun-asr", media="s3://m/k")
        assert (found.job_id, found.model, found.media, found.text) == ("j", "fun-asr", "s3://m/k", "Hi.")
