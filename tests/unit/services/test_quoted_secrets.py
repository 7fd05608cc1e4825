"""The vendor quotes our presigned URL and its own result URL everywhere. Neither is stored, published or logged."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from dashscribe.domain.jobs.job import Status
from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.task_replies import TaskReply
from tests.conftest import LogLines
from tests.support.world import World

SECRET = "5ec7e7a1b2c3d4e5"
RESULT_URL = f"https://results.aliyuncs.com/r.json?OSSAccessKeyId=LTAI&Signature={SECRET}"


class QuotingVendor:
    """Every text of a reply quotes the presigned URL and the result URL."""

    def __init__(self, world: World, code: str | None) -> None:
        self.world = world
        self.code = code
        self.downloaded: list[str] = []
        world.vendor.query = self.query  # type: ignore[method-assign]
        world.vendor.download = self.download  # type: ignore[method-assign]

    def _quote(self) -> str:
        task = list(self.world.vendor.tasks.values())[-1]
        return f"cannot download {task.urls[0]} to {RESULT_URL}, X-Amz-Signature: {SECRET}"

    def query(self, task_id: str) -> TaskReply:
        task = list(self.world.vendor.tasks.values())[-1]
        file: JsonObject = {"file_url": task.urls[0], "transcription_url": RESULT_URL, "subtask_status": "SUCCEEDED"}
        if self.code:
            file = {"file_url": task.urls[0], "subtask_status": "FAILED", "code": self.code, "message": self._quote()}
        output = {"task_id": task_id, "task_status": "SUCCEEDED", "message": self._quote(), "results": [file]}
        return TaskReply.model_validate({"request_id": self._quote(), "output": output})

    def download(self, url: str, *, small_only: bool = False) -> JsonObject:
        self.downloaded.append(url)
        task = list(self.world.vendor.tasks.values())[-1]
        return {
            "file_url": task.urls[0],
            "debug": {"source": [task.urls[0], {"log": self._quote()}], "headers": {"X-Amz-Signature": SECRET}},
            "transcripts": [{"channel_id": 0, "text": "hello", "sentences": []}],
        }


def left_behind(world: World) -> str:
    """Everything that the services stored or published."""
    records = [record.model_dump_json() for record in (*world.records.jobs.values(), *world.records.tasks.values())]
    outcomes = [outcome.model_dump_json() for found in world.records.outcomes.values() for outcome in found.values()]
    events = [detail.model_dump_json() for _, detail in world.bus.events]
    files = [body.decode() for body in world.results.files.values()]
    return "\n".join(
        [
            *records,
            *outcomes,
            *events,
            *files,
            str(world.dead_lettered),
            str(world.records.pauses()),
            str(world.bus.pauses),
        ]
    )


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (None, Status.SUCCEEDED),
        ("SUCCESS_WITH_NO_VALID_FRAGMENT", Status.SUCCEEDED),
        ("DECODE_ERROR", Status.FAILED),
        ("FILE_DOWNLOAD_FAILED", Status.FAILED),
    ],
)
def test_a_secret_that_the_vendor_quotes_is_left_nowhere(code: str | None, status: Status, log_lines: LogLines) -> None:
    world = World()
    vendor = QuotingVendor(world, code)
    world.media.signed = 10**15
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.job_of("a.wav").status is status
    assert vendor.downloaded == ([] if code else [RESULT_URL])
    signatures = [url.partition("X-Amz-Signature=")[2] for url in world.media.signed_for]
    shown = left_behind(world) + json.dumps(log_lines())
    assert [secret for secret in (SECRET, *signatures) if secret in shown] == []


def test_the_result_urls_leave_the_table_when_every_file_of_the_task_has_ended() -> None:
    world = World()
    for number in range(7):
        world.upload(f"{number}.wav")
    world.deliver()
    world.now += timedelta(seconds=5)
    report = world.poll_pass()
    assert report is not None
    [outcomes] = world.records.outcomes.values()
    assert all(outcome.transcription_url for outcome in outcomes.values())
    first, *others = report.result.finalize
    world.finalize(first)
    world.now += timedelta(hours=1)
    world.poll_pass(others)
    [outcomes] = world.records.outcomes.values()
    assert len(outcomes) == 7, "the other finalizers still need them"
    for request in others:
        world.finalize(request)
    world.run_until_quiet()
    assert list(world.records.outcomes.values()) == [{}]
    assert len(world.bus.terminal_events_of("6.wav")) == 1
