"""The table of faults: each fault of the vendor, and how each upload must end in spite of it.

`test_faults.py` plays it on the deployed template. `make documents` writes it to the end of docs/reliability.md, and a
unit test compares the page with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from local.stack import ROOT

PAGE = ROOT / "docs" / "reliability.md"
Answer = dict[str, Any]
Fault = dict[str, Any]


UNLISTED: Mapping[str, Any] = {"lists_tasks": False}
"""A vendor without a task list: a lost response cannot be reconciled. This is the harder case."""
LISTED = {
    "lists_tasks": True,
    "largest_list_page": 10,
    "refuses_larger_list_pages": True,
    "all_failed_status": "FAILED",
    "reverse_results": True,
}
"""The task list refuses pages of the size that is asked for first, which is the harder case too."""


class Part(StrEnum):
    """The request that goes wrong: a section of the table."""

    FILE = "Results of one file"
    TASK = "Tasks of several files"
    SUBMIT = "Submitting"
    QUERY = "Querying a task"
    RESULT = "Downloading a result"
    MODEL = "Errors of one model, while the other models go on"
    ACCOUNT = "Errors of the whole account"


class Pause(StrEnum):
    """A row's part in the test of the account-wide pause."""

    CAUSES = "its submission is refused, and submissions are paused"
    WAITS = "uploaded while submissions are paused"
    IN_FLIGHT = "accepted before submissions were paused"


@dataclass(frozen=True)
class End:
    """How an upload must end. `code` is that of the error; None: the upload succeeds. `accepted` counts the
    submissions that the vendor accepted."""

    code: str | None = None
    attempts: int = 1
    accepted: int = 1
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        kind = f"Failed `{self.code}`" if self.code else "Succeeded"
        warning = f", with the warning `{self.warnings[0]}`" if self.warnings else ""
        return f"{kind}{warning}, attempts {self.attempts}"


@dataclass(frozen=True)
class File:
    """One upload. `answers` are the vendor's results, one for each submission; without any, its transcript."""

    end: End
    answers: Sequence[Answer] = ()


@dataclass(frozen=True)
class Row:
    """One fault. The files of a row are one task, unless the fault prevents it.

    `faults` apply to the requests about these files only. `behaviour` is the simulator's for the model of these files.
    `lost_responses` counts the POSTs of one file whose response is lost. `model` is a model that no other row uses, for
    a fault that pauses its submissions. `takes_minutes`: dashscribe waits two minutes for the fault to end by itself.
    """

    name: str
    part: Part
    fault: str
    files: tuple[File, ...]
    faults: Sequence[Fault] = ()
    behaviour: Mapping[str, Any] = field(default_factory=lambda: UNLISTED)
    lost_responses: int = 0
    pause: Pause | None = None
    model: str | None = None
    takes_minutes: bool = False

    def key(self, number: int) -> str:
        """The media key of a file; the first one has the number 1."""
        return f"{self.folder}{number}.wav"

    @property
    def folder(self) -> str:
        return f"faults/{self.name}/"

    def text(self, number: int) -> str:
        """The transcript of a file, unless its answers say otherwise. No two files have the same text."""
        return f"{self.name} {number}"

    @property
    def outcome(self) -> str:
        return _each([str(file.end) for file in self.files])

    @property
    def accepted(self) -> str:
        return _each([str(file.end.accepted) for file in self.files])


def _each(values: list[str]) -> str:
    if len(set(values)) == 1:
        return values[0] if len(values) == 1 else f"each: {values[0]}"
    return "; ".join(f"file {number}: {value}" for number, value in enumerate(values, 1))


def _succeeds(attempts: int = 1, *, accepted: int | None = None, warning: str | None = None) -> End:
    return End(None, attempts, attempts if accepted is None else accepted, (warning,) if warning else ())


def _fails(code: str, attempts: int = 1, *, accepted: int | None = None) -> End:
    return End(code, attempts, attempts if accepted is None else accepted)


def _file(name: str, fault: str, end: End, *answers: Answer) -> Row:
    return Row(name, Part.FILE, fault, (File(end, answers),))


def _code(code: str, message: str = "") -> Answer:
    return {"code": code, "message": message or f"The message for {code}."}


_TRANSCRIPT: Answer = {}
"""The file's own text."""


def _submit(
    name: str, fault: str, end: End, *faults: Fault, lost_responses: int = 0, behaviour: Mapping[str, Any] = UNLISTED
) -> Row:
    requests = [{"operation": "submit", **each} for each in faults]
    is_reconciled = behaviour is LISTED and lost_responses > 0
    return Row(name, Part.SUBMIT, fault, (File(end),), requests, behaviour, lost_responses, takes_minutes=is_reconciled)


def _query(name: str, fault: str, end: End, *faults: Fault) -> Row:
    return Row(name, Part.QUERY, fault, (File(end),), [{"operation": "query", **each} for each in faults])


def _result(name: str, fault: str, end: End, *faults: Fault, answer: Answer | None = None) -> Row:
    requests = [{"operation": "result", **each} for each in faults]
    return Row(name, Part.RESULT, fault, (File(end, (answer,) if answer else ()),), requests)


def _refusal(status: int, code: str, message: str = "") -> Fault:
    return {"status": status, "body": {"code": code, "message": message or f"The message for {code}."}}


def _page(status: int) -> Fault:
    return {"status": status, "body": "<html><body><h1>Proxy error</h1></body></html>"}


def _task(status: str, **more: Any) -> Fault:
    """A query whose response has this `output`."""
    return {"status": 200, "body": {"output": {"task_id": "x", "task_status": status, **more}}}


def _paused(name: str, fault: str, pause: Pause, *faults: Fault, answer: Answer | None = None) -> Row:
    return Row(name, Part.ACCOUNT, fault, (File(_succeeds(), (answer,) if answer else ()),), faults, pause=pause)


def _model_paused(name: str, fault: str, model: str, refusal: Fault) -> Row:
    """The first submission is refused. The probe, at least 30 seconds later, is accepted."""
    return Row(name, Part.MODEL, fault, (File(_succeeds()),), [{"operation": "submit", **refusal}], model=model)


_SLOW: Answer = {"seconds": 8}

ROWS: tuple[Row, ...] = (
    # results of one file
    _file("forbidden-once", "`FILE_403_FORBIDDEN` once", _succeeds(2), _code("FILE_403_FORBIDDEN"), _TRANSCRIPT),
    _file(
        "forbidden-always",
        "`FILE_403_FORBIDDEN` every time",
        _fails("FILE_403_FORBIDDEN", 4),
        _code("FILE_403_FORBIDDEN"),
    ),
    _file("not-found", "`FILE_404_NOT_FOUND` once", _succeeds(2), _code("FILE_404_NOT_FOUND"), _TRANSCRIPT),
    _file("not-fetched", "`FILE_DOWNLOAD_FAILED` once", _succeeds(2), _code("FILE_DOWNLOAD_FAILED"), _TRANSCRIPT),
    _file(
        "cut-short",
        "`CONTENT_LENGTH_CHECK_FAILED` twice",
        _succeeds(3),
        _code("CONTENT_LENGTH_CHECK_FAILED"),
        _code("CONTENT_LENGTH_CHECK_FAILED"),
        _TRANSCRIPT,
    ),
    _file("undecodable", "`DECODE_ERROR`", _fails("DECODE_ERROR"), _code("DECODE_ERROR")),
    _file("too-large", "`FILE_TOO_LARGE`", _fails("FILE_TOO_LARGE"), _code("FILE_TOO_LARGE")),
    _file("expired", "`FILE_TRANS_TASK_EXPIRED` once", _succeeds(2), _code("FILE_TRANS_TASK_EXPIRED"), _TRANSCRIPT),
    _file("new-code-once", "an unknown code once", _succeeds(2), _code("FILE_NEW_CODE"), _TRANSCRIPT),
    _file("new-code-always", "an unknown code every time", _fails("FILE_NEW_CODE", 4), _code("FILE_NEW_CODE")),
    _file(
        "silent",
        "`SUCCESS_WITH_NO_VALID_FRAGMENT`",
        _succeeds(warning="SUCCESS_WITH_NO_VALID_FRAGMENT"),
        _code("SUCCESS_WITH_NO_VALID_FRAGMENT"),
    ),
    _file(
        "wordless",
        "`ASR_RESPONSE_HAVE_NO_WORDS`",
        _succeeds(warning="ASR_RESPONSE_HAVE_NO_WORDS"),
        _code("ASR_RESPONSE_HAVE_NO_WORDS"),
    ),
    Row(
        "not-in-results",
        Part.FILE,
        "the task succeeds without a result for the file, once",
        (File(_succeeds(2), ({"missing": True}, _TRANSCRIPT)),),
        takes_minutes=True,
    ),
    # tasks of several files
    Row(
        "one-left-out",
        Part.TASK,
        "one of two files is missing in the results, once",
        (File(_succeeds(2), ({"missing": True}, _TRANSCRIPT)), File(_succeeds())),
    ),
    Row(
        "first-one-only",
        Part.TASK,
        "only the first of three files is processed",
        (
            File(_succeeds()),
            File(_succeeds(2), ({"missing": True}, _TRANSCRIPT)),
            File(_succeeds(2), ({"missing": True}, _TRANSCRIPT)),
        ),
    ),
    Row(
        "mixed",
        Part.TASK,
        "one task with a file that succeeds, one that fails, and one whose URL has expired",
        (
            File(_succeeds()),
            File(_fails("DECODE_ERROR"), (_code("DECODE_ERROR"),)),
            File(_succeeds(2), (_code("FILE_403_FORBIDDEN"), _TRANSCRIPT)),
        ),
    ),
    Row(
        "all-failed-as-succeeded",
        Part.TASK,
        "all files failed, the task is SUCCEEDED",
        (
            File(_fails("DECODE_ERROR"), (_code("DECODE_ERROR"),)),
            File(_fails("FILE_TOO_LARGE"), (_code("FILE_TOO_LARGE"),)),
        ),
    ),
    Row(
        "all-failed-as-failed",
        Part.TASK,
        "all files failed, the task is FAILED with a list of results",
        (
            File(_fails("DECODE_ERROR"), (_code("DECODE_ERROR"),)),
            File(_succeeds(2), (_code("FILE_403_FORBIDDEN"), _TRANSCRIPT)),
        ),
        behaviour=LISTED,
    ),
    Row(
        "reversed",
        Part.TASK,
        "results in the reverse order of the files",
        (File(_succeeds()), File(_succeeds()), File(_succeeds())),
        behaviour=LISTED,
    ),
    Row(
        "one-url-only",
        Part.TASK,
        "`InvalidParameter` for more than one URL",
        (File(_succeeds()), File(_succeeds()), File(_succeeds())),
        behaviour={"max_file_urls": 1},
    ),
    Row(
        "one-url-only-after-submission",
        Part.TASK,
        "two URLs are accepted, and the task is then FAILED with `InvalidParameter`",
        (File(_succeeds(2)), File(_succeeds(2))),
        [{"operation": "query", **_task("FAILED", code="InvalidParameter", message="too many file_urls")}],
    ),
    # submitting
    _submit(
        "rate-quota", "429 `Throttling.RateQuota` twice", _succeeds(), *2 * (_refusal(429, "Throttling.RateQuota"),)
    ),
    _submit("burst-rate", "429 `Throttling.BurstRate`", _succeeds(), _refusal(429, "Throttling.BurstRate")),
    _submit(
        "minute-quota",
        "429 `Throttling.AllocationQuota` of a minute's tokens",
        _succeeds(),
        _refusal(429, "Throttling.AllocationQuota", "Allocated quota exceeded, please increase your quota limit."),
    ),
    _submit("error-500", "500 `InternalError`", _succeeds(), _refusal(500, "InternalError")),
    _submit("page-502", "502, an HTML page", _succeeds(), _page(502)),
    _submit("error-503", "503 `ModelServingError`", _succeeds(), _refusal(503, "ModelServingError")),
    _submit("page-504", "504, an HTML page", _succeeds(), _page(504)),
    _submit("error-in-200", "200 with an error in its body", _succeeds(), _refusal(200, "InternalError")),
    _submit("slow", "a response after 2 s", _succeeds(), {"kind": "hang", "seconds": 2}),
    _submit(
        "cut-before",
        "the connection is reset before the submission is accepted",
        _succeeds(),
        {"kind": "reset"},
        lost_responses=1,
        behaviour=LISTED,
    ),
    _submit(
        "cut-after",
        "the connection is reset after the submission was accepted",
        _succeeds(),
        {"kind": "reset_after"},
        lost_responses=1,
        behaviour=LISTED,
    ),
    _submit("page-200", "200, an HTML page", _succeeds(), _page(200), lost_responses=1, behaviour=LISTED),
    _submit(
        "cut-before-unlisted",
        "reset before the submission is accepted, without a task list",
        _succeeds(),
        {"kind": "reset"},
        lost_responses=1,
    ),
    _submit(
        "cut-after-unlisted",
        "reset after the submission was accepted, without a task list",
        _succeeds(accepted=2),
        {"kind": "reset_after"},
        lost_responses=1,
    ),
    _submit(
        "cut-after-unlisted-twice",
        "the same twice",
        _fails("SUBMISSION_UNCONFIRMED", 0, accepted=2),
        {"kind": "reset_after", "times": 2},
        lost_responses=2,
    ),
    _submit("no-such-model", "404 `ModelNotFound`", _fails("ModelNotFound", 0), _refusal(404, "ModelNotFound")),
    _submit(
        "refused-request",
        "400 `InvalidParameter` for a single-file task",
        _fails("InvalidParameter", 0),
        _refusal(400, "InvalidParameter"),
    ),
    # querying a task
    _query("query-429", "429 `Throttling.RateQuota`", _succeeds(), _refusal(429, "Throttling.RateQuota")),
    _query("query-500", "500 `InternalError`", _succeeds(), _refusal(500, "InternalError")),
    _query("query-page-502", "502, an HTML page", _succeeds(), _page(502)),
    _query("query-page-200", "200, an HTML page", _succeeds(), _page(200)),
    _query("query-cut", "the connection is reset", _succeeds(), {"kind": "reset"}),
    _query("task-unknown", "UNKNOWN once", _succeeds(), _task("UNKNOWN")),
    _query("task-suspended", "SUSPENDED twice", _succeeds(), {**_task("SUSPENDED"), "times": 2}),
    _query("task-canceled", "CANCELED once", _succeeds(2), _task("CANCELED")),
    _query("task-failed", "FAILED without results or code, once", _succeeds(2), _task("FAILED")),
    _query(
        "task-failed-algo",
        "FAILED without results, `InternalError.Algo`, every time",
        _fails("InternalError.Algo", 4),
        {**_task("FAILED", code="InternalError.Algo", message="An internal error has occurred."), "times": 4},
    ),
    _query(
        "results-while-running",
        "results for a RUNNING task",
        _succeeds(),
        _task(
            "RUNNING",
            results=[
                {
                    "file_url": "https://example.com/another.wav",
                    "transcription_url": "http://169.254.169.254/half-done.json",
                    "subtask_status": "SUCCEEDED",
                }
            ],
        ),
    ),
    _query("odd-shape", "results of an unknown shape, once", _succeeds(), _task("SUCCEEDED", results="see attachment")),
    # downloading a result
    _result("result-403", "403 once, as for an expired URL", _succeeds(), _page(403)),
    _result("result-500", "500 once", _succeeds(), _page(500)),
    _result("result-cut", "the connection is reset", _succeeds(), {"kind": "reset"}),
    _result("result-slow", "a response after 2 s", _succeeds(), {"kind": "hang", "seconds": 2}),
    _result(
        "result-truncated",
        "truncated JSON, once",
        _succeeds(),
        {"status": 200, "body": '{"properties": {"audio_format": "pcm_s16le"}, "transcripts": [{"channel_id": 0, "te'},
    ),
    _result("result-page", "200, an HTML page, once", _succeeds(), _page(200)),
    _result(
        "result-odd-shape",
        "JSON without readable text",
        _fails("RESULT_UNREADABLE"),
        {"status": 200, "body": {"transcripts": [{"text": 7}]}},
    ),
    _result(
        "result-other-json",
        "JSON of an unknown shape, once",
        _succeeds(),
        {"status": 200, "body": {"transcripts": "none"}},
    ),
    _result(
        "result-redirect",
        "302 to the cloud's metadata address, once",
        _succeeds(),
        {"status": 302, "body": "", "headers": {"Location": "http://169.254.169.254/latest/meta-data/"}},
    ),
    _result(
        "result-link-local",
        "the result URL is a link-local address",
        _fails("RESULT_HOST_NOT_ALLOWED"),
        answer={"transcription_url": "http://169.254.169.254/latest/meta-data/"},
    ),
    _result(
        "result-look-alike",
        "the result URL's host begins with an allowed name",
        _fails("RESULT_HOST_NOT_ALLOWED"),
        answer={"transcription_url": "https://aliyuncs.com.example.com/result.json"},
    ),
    _result(
        "result-disguised",
        "the result URL has an allowed name before the @ and another host after it",
        _fails("RESULT_HOST_NOT_ALLOWED"),
        answer={"transcription_url": "https://oss.aliyuncs.com@10.0.0.1/result.json"},
    ),
    # one model
    _model_paused(
        "free-tier",
        "403 `AllocationQuota.FreeTierOnly` until paid use is switched on",
        "paraformer-8k-v1",
        _refusal(403, "AllocationQuota.FreeTierOnly"),
    ),
    _model_paused(
        "free-quota",
        "429 `Throttling.AllocationQuota` because the free quota is used up",
        "paraformer-mtl-v1",
        _refusal(429, "Throttling.AllocationQuota", "Free allocated quota exceeded."),
    ),
    _model_paused(
        "unpurchased",
        "403 `AccessDenied.Unpurchased` until the model is activated",
        "qwen-audio-3.0-asr-flash-filetrans",
        _refusal(403, "AccessDenied.Unpurchased"),
    ),
    _model_paused(
        "model-denied",
        "403 `Model.AccessDenied` until the permission is granted",
        "qwen-audio-3.1-asr-flash-filetrans",
        _refusal(403, "Model.AccessDenied"),
    ),
    # the whole account
    _paused(
        "arrearage",
        "400 `Arrearage` until the bill is paid",
        Pause.CAUSES,
        {"operation": "submit", **_refusal(400, "Arrearage")},
    ),
    _paused(
        "bill-overdue",
        "429 `PrepaidBillOverdue` until the bill is paid",
        Pause.CAUSES,
        {"operation": "submit", **_refusal(429, "PrepaidBillOverdue")},
    ),
    _paused(
        "wrong-key",
        "401 `InvalidApiKey` until the key is right",
        Pause.CAUSES,
        {"operation": "submit", **_refusal(401, "InvalidApiKey", "Invalid API-key provided.")},
    ),
    _paused("while-paused", "uploaded while submissions are paused", Pause.WAITS),
    _paused(
        "in-flight", "in flight when submissions are paused: finalized during the pause", Pause.IN_FLIGHT, answer=_SLOW
    ),
    _paused(
        "in-flight-refused",
        "in flight, and its query is refused with 400 `Arrearage`",
        Pause.IN_FLIGHT,
        {"operation": "query", **_refusal(400, "Arrearage")},
        answer=_SLOW,
    ),
)


@dataclass(frozen=True)
class LastingRow:
    """A fault that lasts longer than an end-to-end test. It is played on the real services in virtual time, by the test
    of this `name` in `tests/unit/services/test_lasting_faults.py`. `delay` is the reason of `Transcription Delayed`."""

    name: str
    fault: str
    end: End
    delay: str | None = None


LASTING: tuple[LastingRow, ...] = (
    LastingRow(
        "throttled",
        "429 for every submission, for a day",
        _fails("VENDOR_THROTTLED", 0),
        "Throttling.RateQuota",
    ),
    LastingRow("overloaded", "500 for every submission", _fails("InternalError", 0), "InternalError"),
    LastingRow("unpaid", "`Arrearage` for every submission, for three hours", _succeeds(), "Arrearage"),
    LastingRow("unknown-at-first", "UNKNOWN for the first 100 s of a task", _succeeds()),
    LastingRow("unknown", "UNKNOWN for every task", _fails("TASK_UNKNOWN", 4)),
    LastingRow("no-queries", "500 for every query, for an hour", _succeeds(), "InternalError"),
    LastingRow("no-downloads", "503 for every download, for 23 hours", _succeeds(), "RESULT_UNAVAILABLE"),
    LastingRow("never-downloaded", "503 for every download", _fails("RESULT_UNAVAILABLE"), "RESULT_UNAVAILABLE"),
    LastingRow("pages", "an HTML page for every download", _fails("RESULT_UNREADABLE")),
    LastingRow("other-json", "JSON of an unknown shape for every download", _fails("RESULT_UNREADABLE")),
    LastingRow(
        "redirects",
        "302 to a host that is not allowed for every download",
        _fails("RESULT_HOST_NOT_ALLOWED"),
    ),
    LastingRow(
        "no-query",
        "results name a file of a versioned bucket without the query of its URL, every time",
        _succeeds(),
    ),
)

HEADING = "## The table of faults\n"


def rendered_table() -> str:
    """The table as docs/reliability.md has it, from its heading to the end of the page."""
    lines = [HEADING, "Written by `make documents`.", ""]
    for part in Part:
        lines += [f"### {part}", "", "| fault | the upload ends as | accepted submissions |", "|---|---|---|"]
        lines += [f"| {row.fault} | {row.outcome} | {row.accepted} |" for row in ROWS if row.part is part]
        lines.append("")
    lines += ["### Faults that last", ""]
    lines += ["| fault | the upload ends as | accepted submissions | `Transcription Delayed` |", "|---|---|---|---|"]
    lines += [
        f"| {row.fault} | {row.end} | {row.end.accepted} | {f'`{row.delay}`' if row.delay else 'no'} |"
        for row in LASTING
    ]
    lines.append("")
    return "\n".join(lines)


def main() -> None:
    PAGE.write_text(PAGE.read_text().partition(HEADING)[0] + rendered_table())


if __name__ == "__main__":
    main()
