"""`dashscribe vocabularies`: what is listed, and what is deleted."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cli import stack, vocabularies
from cli.__main__ import main
from dashscribe.domain.recognition.profiles import Profiles
from dashscribe.domain.recognition.vocabulary import Vocabulary, VocabularyContent, vocabulary_prefix
from dashscribe.errors import ErrorClass, VendorError
from tests.support.crashes import Crashes
from tests.support.vocabularies import VendorVocabularies, VocabularyRecordsFake

NOW = datetime(2026, 1, 1, tzinfo=UTC)
USED, OLD = {"Bulge Bracket": 4}, {"Boutique": 4}
STACK = stack.Stack(
    name="mine",
    region="us-east-1",
    status="CREATE_COMPLETE",
    client=lambda service: pytest.fail(f"{service} was called"),
    outputs={"JobsTableName": "jobs"},
    parameters={"DefaultModel": "fun-asr"},
)


class Lists:
    """An account with a used list, an unused one, and one that somebody created by hand."""

    def __init__(self) -> None:
        self.vendor = VendorVocabularies(Crashes(), lambda: "sk-test")
        self.records = VocabularyRecordsFake(Crashes())
        self.used, self.unused = (self._add(words) for words in (USED, OLD))
        self.manual = "vocab-manual-1"
        self.vendor.lists[self.manual] = VocabularyContent(target_model="paraformer-v2")

    def _add(self, words: dict[str, int]) -> str:
        prefix = vocabulary_prefix("jobs", "fun-asr", words)
        vocabulary_id = self.vendor.create_vocabulary("fun-asr", prefix, words)
        record = Vocabulary(prefix=prefix, target_model="fun-asr").prepared(vocabulary_id, NOW, is_ready=True)
        self.records.save_vocabulary(record)
        return vocabulary_id


@pytest.fixture
def lists(monkeypatch: pytest.MonkeyPatch) -> Lists:
    lists = Lists()
    profiles = Profiles.model_validate({"profiles": {"banks": {"vocabulary": USED}}})
    monkeypatch.setattr(stack, "find_stack", lambda *_: STACK)
    monkeypatch.setattr(vocabularies, "_open", lambda *_: (lists.vendor, lists.records, profiles))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return lists


def test_the_list_says_which_profile_uses_what(lists: Lists, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vocabularies"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed == [
        f"{lists.used}: fun-asr, 1 words, OK, profiles banks",
        f"{lists.unused}: fun-asr, 1 words, OK, unused",
        f"{lists.manual}: paraformer-v2, 0 words, None, not of this stack",
        "3 of at most 10 hotword lists.",
    ]


def test_a_list_that_only_a_fallback_model_needs_is_not_deleted(
    lists: Lists, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fields = {"model": "qwen3-asr-flash", "fallback_model": "fun-asr", "fallback_parameters": {"vocabulary": OLD}}
    profiles = Profiles.model_validate({"profiles": {"notes": fields, "banks": {"vocabulary": USED}}})
    monkeypatch.setattr(vocabularies, "_open", lambda *_: (lists.vendor, lists.records, profiles))
    assert main(["vocabularies", "--delete-unused", "--yes"]) == 0
    assert "No hotword list is unused." in capsys.readouterr().out
    assert len(lists.vendor.lists) == 3


def test_the_list_as_json(lists: Lists, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vocabularies", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["vocabularies"]
    assert [(each["vocabulary_id"], each["profiles"], each["stack"]) for each in found] == [
        (lists.used, ["banks"], True),
        (lists.unused, [], True),
        (lists.manual, [], False),
    ]
    assert found[0]["last_used"] == "2026-01-01T00:00:00+00:00"


def test_unused_lists_of_this_stack_are_deleted_and_no_other(lists: Lists, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vocabularies", "--delete-unused", "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"deleted": [lists.unused], "failed": []}
    assert set(lists.vendor.lists) == {lists.used, lists.manual}
    assert len(lists.records.records) == 1


def test_without_a_terminal_and_without_yes_nothing_is_deleted(
    lists: Lists, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["vocabularies", "--delete-unused"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert len(lists.vendor.lists) == 3


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, 2), ("n\n", 2, 3), ("", 2, 3)])
def test_a_question_comes_before_a_deletion(
    lists: Lists, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, left: int
) -> None:
    terminal = io.StringIO(answer)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    assert main(["vocabularies", "--delete", lists.used]) == code
    assert len(lists.vendor.lists) == left


def test_an_unknown_list_is_wrong_usage(lists: Lists, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vocabularies", "--delete", "vocab-none-1", "--yes"]) == 2
    assert "vocab-none-1" in capsys.readouterr().err
    assert len(lists.vendor.lists) == 3


def test_a_failed_deletion_does_not_stop_the_others(
    lists: Lists, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    delete = lists.vendor.delete_vocabulary

    def refuse_one(vocabulary_id: str) -> None:
        if vocabulary_id == lists.used:
            raise VendorError("InternalError", "no", ErrorClass.RETRYABLE, 500)
        delete(vocabulary_id)

    monkeypatch.setattr(lists.vendor, "delete_vocabulary", refuse_one)
    assert main(["vocabularies", "--delete", lists.used, lists.manual, "--yes"]) == 1
    assert lists.used in capsys.readouterr().err
    assert lists.manual not in lists.vendor.lists


def test_an_account_that_refuses_the_key_is_a_failure(
    lists: Lists, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> list[Any]:
        raise VendorError("InvalidApiKey", "Invalid API-key provided.", ErrorClass.ACCOUNT_WIDE, 401)

    monkeypatch.setattr(lists.vendor, "list_vocabularies", refuse)
    assert main(["vocabularies"]) == 1
    assert "InvalidApiKey" in capsys.readouterr().err


def test_without_a_stack_the_command_says_what_to_name(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["vocabularies"]) == 2
    assert "--stack" in capsys.readouterr().err
