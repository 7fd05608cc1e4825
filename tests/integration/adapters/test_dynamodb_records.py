"""The table: what is written comes back as it was, and only one of several writers wins."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import wraps
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import pytest
from botocore.exceptions import ClientError

from dashscribe.domain.jobs import pause as pauses
from dashscribe.domain.jobs.job import Due, Job, Status
from dashscribe.domain.jobs.task import PostOutcome, Task, TaskPhase
from dashscribe.domain.jobs.task_list_scan import TaskListState
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.task_replies import FileOutcome, TaskOutput, read_outcomes
from dashscribe.errors import StaleRecord
from dashscribe.services.backfill import COUNTS
from dashscribe.services.ports import DueRecord, DueTask
from tests.support.table import JobsTable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SECOND = timedelta(seconds=1)
P = ParamSpec("P")
R = TypeVar("R")
MakeJob = Callable[..., Job]


def one_at_a_time(call: Callable[P, R]) -> Callable[P, R]:
    """A single DynamoDB write is atomic; moto's is not, under threads. What the adapter does between two stays open."""
    lock = threading.Lock()

    @wraps(call)
    def locked(*args: P.args, **kwargs: P.kwargs) -> R:
        with lock:
            return call(*args, **kwargs)

    return locked


def at_once(calls: Sequence[Callable[[], R]], threads: int = 8) -> list[R]:
    with ThreadPoolExecutor(threads) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def as_json(record: Job | Task) -> Any:
    """Equality that tells 1 from Decimal(1) and from "1"."""
    return json.loads(json.dumps(record.model_dump(mode="json")))


@pytest.fixture
def full_job(make_job: MakeJob, now: datetime) -> Job:
    """A job with every field set."""
    return make_job(
        model="fun-asr",
        revision=4,
        status=Status.SUCCEEDED,
        media={
            "bucket": "media",
            "key": "会议/录音 +%20'\"😀.wav",
            "version_id": "3HL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY",
            "etag": "d41d8cd98f00b204e9800998ecf8427e",
            "size_bytes": 2 * 1024**3,
        },
        options={
            "profile": "客服",
            "model": "fun-asr",
            "parameters": {
                "language_hints": ["zh", "en"],
                "diarization_enabled": True,
                "vocabulary_id": "热词-1",
                "special_word_filter": '{"filter_with_signed": {"word_list": ["坏"]}}',
                "nothing": None,
                "empty": {"list": [], "text": ""},
            },
        },
        submission_id="b" * 32,
        task_id="c2e5d63b-96e1-4607-bb91-000000000000",
        attempts=2,
        single_file_task=True,
        failed_attempts=3,
        ambiguous_submissions=1,
        last_error_code="FILE_403_FORBIDDEN",
        submitted_at=now + SECOND,
        completed_at=now + 2 * SECOND,
        published_at=now + 3 * SECOND,
        requeues=5,
        claimed_at=now,
        claimed_until=now + 5 * SECOND,
        result={
            "bucket": "results",
            "prefix": "会议/a/",
            "files": {name: f"会议/a/{name}" for name in ("result", "transcript", "text", "srt", "vtt", "job")},
        },
        audio={"duration_ms": 3834, "speech_ms": 2480, "channels": [0, 1]},
        usage={"billed_seconds": 4, "estimated_cost_usd": 0.1 + 0.2},
        warnings=["SUCCESS_WITH_NO_VALID_FRAGMENT", "警告"],
        failure={"code": "FILE_TOO_LARGE", "message": "太大 – 2 GB", "category": "permanent"},
        due_kind=Due.PAUSED,
        due_at=now + 4 * SECOND,
        expires_at=1_800_000_000,
    )


@pytest.fixture
def full_task(now: datetime) -> Task:
    """A task with every field set."""
    return Task(
        submission_id="s" * 32,
        revision=2,
        phase=TaskPhase.ENDED,
        model="paraformer-v2",
        job_ids=["a" * 32, "b" * 32],
        largest_file_bytes=2 * 1024**3,
        url_marks=["0123456789abcdef"],
        task_id="任务-1",
        posted_at=now,
        response_lost_at=now,
        reconciled_since=now,
        post_outcome=PostOutcome.ACCEPTED,
        accepted_at=now + SECOND,
        ended_at=now + 2 * SECOND,
        finalize_attempts=3,
        due_kind=Due.TASK,
        due_at=now + 3 * SECOND,
        expires_at=1_800_000_000,
    )


# jobs


def test_every_field_of_a_job_survives_a_round_trip(records: JobsTable, full_job: Job) -> None:
    unset = [name for name, value in full_job.model_dump().items() if value in (None, 0, [], False)]
    assert unset == [], "a new field of Job: set it in full_job"
    assert records.create(full_job)
    found = records.find(full_job.job_id)
    assert found is not None
    assert as_json(found) == as_json(full_job)


def test_a_job_with_nothing_but_its_required_fields_survives_a_round_trip(
    records: JobsTable, make_job: MakeJob
) -> None:
    job = make_job()
    records.create(job)
    found = records.find(job.job_id)
    assert found is not None
    assert found.warnings == []
    assert as_json(found) == as_json(job)


@pytest.mark.parametrize("cost", [0.0, 0.000035, 0.00000001, 1 / 3, 1234567.875])
def test_a_float_comes_back_exactly_as_it_was(records: JobsTable, make_job: MakeJob, cost: float) -> None:
    job = make_job(usage={"billed_seconds": 0, "estimated_cost_usd": cost})
    records.create(job)
    found = records.find(job.job_id)
    assert found is not None
    assert found.usage is not None
    assert type(found.usage.estimated_cost_usd) is float
    assert found.usage.estimated_cost_usd == cost


def test_a_job_that_does_not_exist_is_not_found(records: JobsTable) -> None:
    assert records.find("0" * 32) is None


def test_creating_a_job_twice_leaves_the_first_one(records: JobsTable, make_job: MakeJob) -> None:
    assert records.create(make_job(last_error_code="first")) is True
    assert records.create(make_job(last_error_code="second")) is False
    found = records.find(make_job().job_id)
    assert found is not None
    assert found.last_error_code == "first"


def test_only_one_of_many_creators_is_told_that_it_created(
    records: JobsTable, dynamodb: DynamoDBClient, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "put_item", one_at_a_time(dynamodb.put_item))
    assert sorted(at_once([lambda: records.create(make_job())] * 8)) == [False] * 7 + [True]


def test_saving_counts_the_revision_and_stores_the_change(records: JobsTable, make_job: MakeJob) -> None:
    job = make_job()
    records.create(job)
    saved = records.save(job.model_copy(update={"attempts": 1}))
    assert (saved.revision, saved.attempts) == (1, 1)
    assert records.find(job.job_id) == saved


def test_saving_over_a_stale_revision_is_refused_and_changes_nothing(records: JobsTable, make_job: MakeJob) -> None:
    job = make_job()
    records.create(job)
    newer = records.save(job.model_copy(update={"attempts": 1}))
    with pytest.raises(StaleRecord):
        records.save(job.model_copy(update={"attempts": 2}))
    assert records.find(job.job_id) == newer


def test_saving_a_job_that_was_never_created_is_refused(records: JobsTable, make_job: MakeJob) -> None:
    with pytest.raises(StaleRecord):
        records.save(make_job())
    assert records.find(make_job().job_id) is None


def test_only_one_of_many_savers_of_the_same_revision_wins(
    records: JobsTable, dynamodb: DynamoDBClient, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "put_item", one_at_a_time(dynamodb.put_item))
    job = make_job()
    records.create(job)

    def save() -> bool:
        try:
            records.save(job)
        except StaleRecord:
            return False
        return True

    assert sum(at_once([save] * 8)) == 1


def test_a_field_that_is_taken_away_is_gone_from_the_record(
    records: JobsTable, make_job: MakeJob, now: datetime
) -> None:
    job = make_job(due_kind=Due.JOB, due_at=now, task_id="t")
    records.create(job)
    records.save(job.model_copy(update={"due_kind": None, "due_at": None, "task_id": None}))
    found = records.find(job.job_id)
    assert found is not None
    assert (found.due_kind, found.due_at, found.task_id) == (None, None, None)


def test_a_missing_table_is_not_taken_for_a_lost_race(dynamodb: DynamoDBClient, make_job: MakeJob) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        JobsTable(dynamodb, "elsewhere").create(make_job())


# many jobs


def test_more_jobs_than_one_call_may_ask_for_are_all_found(records: JobsTable, make_job: MakeJob) -> None:
    names = [f"{number:032x}" for number in range(205)]
    for name in names[:-1]:
        records.create(make_job(name))
    found = records.find_many(names)
    assert sorted(found) == names[:-1]
    assert all(job.job_id == name for name, job in found.items())


def test_keys_that_dynamodb_left_unprocessed_are_asked_for_again(
    records: JobsTable, dynamodb: DynamoDBClient, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{number:032x}" for number in range(130)]
    for name in names:
        records.create(make_job(name))
    real: Callable[..., Any] = dynamodb.batch_get_item
    sizes: list[int] = []
    consistent: list[bool | None] = []

    def throttled(RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - the SDK's own name
        [(table, asked)] = RequestItems.items()
        sizes.append(len(asked["Keys"]))
        consistent.append(asked.get("ConsistentRead"))
        reply: dict[str, Any] = dict(real(RequestItems={table: {**asked, "Keys": asked["Keys"][:40]}}))
        rest = asked["Keys"][40:]
        return {**reply, "UnprocessedKeys": {table: {**asked, "Keys": rest}} if rest else {}}

    monkeypatch.setattr(dynamodb, "batch_get_item", throttled)
    assert sorted(records.find_many(names)) == names
    assert sizes == [100, 60, 20, 30]
    assert set(consistent) == {True}


def test_asking_for_no_jobs_makes_no_call(
    records: JobsTable, dynamodb: DynamoDBClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(type(dynamodb), "batch_get_item")
    assert records.find_many([]) == {}


# tasks and their outcomes


def test_every_field_of_a_task_survives_a_round_trip(records: JobsTable, full_task: Task) -> None:
    unset = [name for name, value in full_task.model_dump().items() if value in (None, 0, [])]
    assert unset == [], "a new field of Task: set it in full_task"
    first = full_task.model_copy(update={"revision": 0})
    assert as_json(records.save_task(first)) == {**as_json(full_task), "revision": 1}
    found = records.find_task(full_task.submission_id)
    assert found is not None
    assert as_json(found) == {**as_json(full_task), "revision": 1}


def test_a_task_that_does_not_exist_is_not_found(records: JobsTable, make_job: MakeJob) -> None:
    records.create(make_job("same"))
    assert records.find_task("same") is None


def test_a_second_new_task_under_the_same_name_is_refused(records: JobsTable, full_task: Task) -> None:
    first = full_task.model_copy(update={"revision": 0})
    records.save_task(first)
    with pytest.raises(StaleRecord):
        records.save_task(first)


def test_saving_a_task_over_a_stale_revision_is_refused(records: JobsTable, full_task: Task) -> None:
    read = records.save_task(full_task.model_copy(update={"revision": 0}))
    newer = records.save_task(read.model_copy(update={"finalize_attempts": 9}))
    with pytest.raises(StaleRecord):
        records.save_task(read)
    assert records.find_task(full_task.submission_id) == newer


def test_outcomes_survive_a_round_trip(records: JobsTable, now: datetime) -> None:
    outcomes = {
        "a" * 32: FileOutcome(
            status="SUCCEEDED",
            transcription_url="http://r.aliyuncs.com/pre/20250213%2F1%3A2.json?Expires=1&Signature=a%2Bb%3D",
            completed_at=now,
        ),
        "b" * 32: FileOutcome(status="FAILED", code="FILE_403_FORBIDDEN", message="拒绝 😀", completed_at=None),
    }
    records.save_outcomes("s", outcomes)
    assert records.find_outcomes("s") == outcomes


def test_newer_outcomes_replace_older_ones(records: JobsTable, now: datetime) -> None:
    records.save_outcomes("s", {"a": FileOutcome(status="SUCCEEDED", transcription_url="old", completed_at=now)})
    newer = {"a": FileOutcome(status="SUCCEEDED", transcription_url="new", completed_at=now)}
    records.save_outcomes("s", newer)
    assert records.find_outcomes("s") == newer


def test_cleared_outcomes_leave_no_result_url_and_expire(
    records: JobsTable, dynamodb: DynamoDBClient, now: datetime
) -> None:
    records.save_outcomes("s", {"a": FileOutcome(status="SUCCEEDED", transcription_url="secret", completed_at=now)})
    records.clear_outcomes("s", now)
    records.clear_outcomes("s", now)
    [item] = dynamodb.scan(TableName="jobs")["Items"]
    assert "secret" not in str(item)
    assert item["expires_at"] == {"N": str(int((now + timedelta(days=2)).timestamp()))}
    assert records.find_outcomes("s") == {}


def test_outcomes_of_an_unknown_submission_are_empty(records: JobsTable) -> None:
    assert records.find_outcomes("nobody") == {}


def test_outcomes_expire_two_days_after_the_last_file_ended(
    records: JobsTable, dynamodb: DynamoDBClient, now: datetime
) -> None:
    """They hold signed URLs, which are dead after a day."""
    records.save_outcomes(
        "s",
        {
            "a": FileOutcome(status="FAILED", completed_at=now),
            "b": FileOutcome(status="FAILED", completed_at=now + SECOND),
        },
    )
    [item] = dynamodb.scan(TableName="jobs")["Items"]
    assert item["expires_at"] == {"N": str(int((now + SECOND + timedelta(days=2)).timestamp()))}


# due lists


def test_due_records_come_earliest_first_and_only_those_whose_time_has_come(
    records: JobsTable, make_job: MakeJob, full_task: Task, now: datetime
) -> None:
    for name, offset in (("c", 2), ("a", 0), ("later", 4), ("b", 1)):
        records.create(make_job(name, due_kind=Due.JOB, due_at=now + offset * SECOND))
    records.create(make_job("parked", due_kind=Due.PAUSED, due_at=now))
    records.save_task(full_task.model_copy(update={"revision": 0, "due_at": now}))
    assert records.due(Due.JOB, now + 2 * SECOND, 10) == [
        DueRecord("a", now),
        DueRecord("b", now + SECOND),
        DueRecord("c", now + 2 * SECOND),
    ]
    assert records.due(Due.PAUSED, now, 10) == [DueRecord("parked", now)]
    assert records.due(Due.TASK, now, 10) == [DueRecord(full_task.submission_id, now)]


def test_the_list_of_tasks_tells_what_a_sweep_asks(records: JobsTable, full_task: Task, now: datetime) -> None:
    for name, seconds in (("b", 1), ("a", 0), ("later", 9)):
        changed = {"submission_id": name, "revision": 0, "due_at": now + seconds * SECOND}
        records.save_task(full_task.model_copy(update=changed))
    first, second = records.due_tasks(now + SECOND, 10)
    assert first == DueTask("a", now, "任务-1", "paraformer-v2", TaskPhase.ENDED, now + SECOND, len(full_task.job_ids))
    assert second.submission_id == "b"
    assert records.due_tasks(now + SECOND, 1) == [first]


def test_a_list_of_tasks_longer_than_a_page_of_the_index_is_read_to_its_end(
    records: JobsTable, dynamodb: DynamoDBClient, full_task: Task, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        changed = {"submission_id": f"t{number}", "revision": 0, "due_at": now + number * SECOND}
        records.save_task(full_task.model_copy(update=changed))
    plain = dynamodb.query
    monkeypatch.setattr(dynamodb, "query", lambda **asked: plain(**{**asked, "Limit": min(asked["Limit"], 3)}))
    found = JobsTable(dynamodb, "jobs").due_tasks(now + 60 * SECOND, 100)
    assert [task.submission_id for task in found] == [f"t{number}" for number in range(7)]


def test_what_a_sweep_leaves_is_there_for_the_next(records: JobsTable, now: datetime) -> None:
    assert records.task_list_state("fun-asr") is None
    state = TaskListState(next_at=now, off_until=now + SECOND, page_size=10)
    records.save_task_list_state("fun-asr", state)
    assert records.task_list_state("fun-asr") == state
    assert records.task_list_state("paraformer-v2") is None


# limits


def item_bytes(item: dict[str, Any]) -> int:
    """As DynamoDB counts: the names and the values in UTF-8 (a little less than their JSON)."""
    return len(json.dumps(item, ensure_ascii=False).encode())


def test_a_task_of_a_hundred_files_and_its_outcomes_stay_far_below_400_kb(
    records: JobsTable, dynamodb: DynamoDBClient, full_task: Task, now: datetime
) -> None:
    """Signed URLs of 2 KB; where a file failed, the longest reason that is kept."""
    job_ids = [f"{number:032x}" for number in range(100)]
    marks = [f"{number:016x}" for number in range(100)]
    records.save_task(full_task.model_copy(update={"revision": 0, "job_ids": job_ids, "url_marks": marks}))
    words = "😀" * 5000
    subtasks = [
        {"file_url": f"https://b.s3.amazonaws.com/{n}", "transcription_url": "https://r/" + "u" * 2038}
        if n % 2
        else {"file_url": f"https://b.s3.amazonaws.com/{n}", "code": words, "message": words}
        for n in range(100)
    ]
    failed = [{"file_url": task["file_url"], "code": words, "message": words} for task in subtasks]
    media = {job_id: Media(bucket="b", key=str(n), size_bytes=1) for n, job_id in enumerate(job_ids)}
    for name, results in (("half failed", subtasks), ("all failed", failed)):
        output = TaskOutput.model_validate({"task_status": "SUCCEEDED", "results": results})
        records.save_outcomes(name, read_outcomes(output, media))
    records.save_outcomes(
        "all worked",
        {job_id: FileOutcome(status="SUCCEEDED", transcription_url="u" * 2048, completed_at=now) for job_id in job_ids},
    )
    sizes = {item["pk"]["S"]: item_bytes(item) for item in dynamodb.scan(TableName="jobs")["Items"]}
    assert sizes[f"TASK#{full_task.submission_id}"] < 10_000
    assert 200_000 < sizes["OUTCOMES#all failed"] < 300_000
    assert 200_000 < sizes["OUTCOMES#half failed"] < 300_000
    assert 200_000 < sizes["OUTCOMES#all worked"] < 250_000


def test_a_due_list_is_cut_at_its_earliest_records(records: JobsTable, make_job: MakeJob, now: datetime) -> None:
    for number in range(5):
        records.create(make_job(str(number), due_kind=Due.JOB, due_at=now - number * SECOND))
    assert [record.record_id for record in records.due(Due.JOB, now, 2)] == ["4", "3"]


def test_a_record_without_a_due_time_is_on_no_list(
    records: JobsTable, dynamodb: DynamoDBClient, make_job: MakeJob, now: datetime
) -> None:
    job = make_job(due_kind=Due.JOB, due_at=now)
    records.create(job)
    records.save(job.model_copy(update={"due_kind": None, "due_at": None}))
    records.save_outcomes("s", {})
    records.save_pause(pauses.start_pause("Arrearage", "", now))
    records.reserve("query", 1, now, SECOND)
    assert dynamodb.scan(TableName="jobs", IndexName="due")["Items"] == []
    assert dynamodb.scan(TableName="jobs")["Count"] == 4


def test_the_next_due_time_is_the_earliest_one_also_in_the_future(
    records: JobsTable, make_job: MakeJob, now: datetime
) -> None:
    assert records.next_due(Due.JOB) is None
    for name, offset in (("late", 3600), ("soon", 60)):
        records.create(make_job(name, due_kind=Due.JOB, due_at=now + offset * SECOND))
    assert records.next_due(Due.JOB) == now + 60 * SECOND
    assert records.next_due(Due.TASK) is None


# the gate


def test_the_gate_is_open_until_it_is_closed_and_again_when_opened(records: JobsTable, now: datetime) -> None:
    assert records.current_pause() is None
    closed = pauses.start_pause("Arrearage", "欠费 – pay the bill", now)
    records.save_pause(closed)
    assert records.current_pause() == closed
    records.delete_pause()
    assert records.current_pause() is None
    records.delete_pause()


def test_closing_a_closed_gate_replaces_it(records: JobsTable, now: datetime) -> None:
    records.save_pause(pauses.start_pause("Arrearage", "", now))
    second = pauses.start_pause("InvalidApiKey", "", now + SECOND)
    records.save_pause(second)
    assert records.current_pause() == second


def test_only_one_of_many_takes_the_probe(
    records: JobsTable, dynamodb: DynamoDBClient, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "put_item", one_at_a_time(dynamodb.put_item))
    seen = pauses.start_pause("Arrearage", "", now)
    records.save_pause(seen)
    following = pauses.start_pause("Arrearage", "", now + 30 * SECOND, seen)
    assert sorted(at_once([lambda: records.claim_probe(seen, following)] * 8)) == [False] * 7 + [True]
    assert records.current_pause() == following


def test_a_gate_that_was_opened_meanwhile_is_not_closed_by_a_probe(records: JobsTable, now: datetime) -> None:
    seen = pauses.start_pause("Arrearage", "", now)
    assert records.claim_probe(seen, pauses.start_pause("Arrearage", "", now + SECOND, seen)) is False
    assert records.current_pause() is None


# rates


def test_turns_are_one_over_the_rate_apart_whoever_asks(
    records: JobsTable, dynamodb: DynamoDBClient, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "update_item", one_at_a_time(dynamodb.update_item))
    waits = at_once([lambda: records.reserve("query", 20, now, timedelta(seconds=30))] * 40)
    assert sorted(wait for wait in waits if wait is not None) == [number * SECOND / 20 for number in range(40)]


def test_turns_are_apart_also_when_the_clocks_of_the_askers_differ(
    records: JobsTable, dynamodb: DynamoDBClient, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "update_item", one_at_a_time(dynamodb.update_item))

    def turn(skew: timedelta) -> datetime:
        wait = records.reserve("query", 10, now + skew, timedelta(seconds=30))
        assert wait is not None
        return now + skew + wait

    skews = [timedelta(milliseconds=37 * number) for number in range(16)]
    turns = sorted(at_once([lambda skew=skew: turn(skew) for skew in skews]))  # type: ignore[misc]
    gaps = [later - earlier for earlier, later in pairwise(turns)]
    assert min(gaps) >= SECOND / 10
    assert turns[0] >= now


def test_whoever_is_overtaken_while_starting_an_idle_rate_gets_the_next_turn(
    records: JobsTable, dynamodb: DynamoDBClient, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[..., Any] = dynamodb.update_item
    rival: list[timedelta | None] = []

    def overtaken(**request: Any) -> Any:
        """Finds the rate idle; before it can start it, the rival does."""
        try:
            return real(**request)
        finally:
            monkeypatch.setattr(dynamodb, "update_item", real)
            rival.append(records.reserve("query", 10, now, SECOND))

    monkeypatch.setattr(dynamodb, "update_item", overtaken)
    assert records.reserve("query", 10, now, SECOND) == SECOND / 10
    assert rival == [timedelta(0)]


def test_an_idle_rate_starts_at_once(records: JobsTable, now: datetime) -> None:
    for start in (now, now + timedelta(hours=1), now + timedelta(hours=1, microseconds=100_000)):
        assert records.reserve("query", 10, start, SECOND) == timedelta(0)
    assert records.reserve("query", 10, now + timedelta(hours=1, microseconds=100_000), SECOND) == SECOND / 10


def test_a_turn_beyond_the_horizon_is_refused_and_not_reserved(records: JobsTable, now: datetime) -> None:
    near = timedelta(seconds=2)
    waits = [records.reserve("submit", 1, now, near) for _ in range(6)]
    assert waits == [0 * SECOND, SECOND, 2 * SECOND, None, None, None]
    assert records.reserve("submit", 1, now, timedelta(seconds=10)) == 3 * SECOND


def test_rates_of_different_names_do_not_touch_each_other(records: JobsTable, now: datetime) -> None:
    assert records.reserve("submit#fun-asr", 1, now, SECOND) == timedelta(0)
    assert records.reserve("submit#paraformer-v2", 1, now, SECOND) == timedelta(0)


def test_a_rate_below_one_a_second_spaces_turns_by_more_than_a_second(records: JobsTable, now: datetime) -> None:
    horizon = timedelta(minutes=1)
    assert [records.reserve("x", 0.5, now, horizon) for _ in range(3)] == [0 * SECOND, 2 * SECOND, 4 * SECOND]


def test_a_fault_of_the_table_is_not_taken_for_a_turn_beyond_the_horizon(
    dynamodb: DynamoDBClient, now: datetime
) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        JobsTable(dynamodb, "elsewhere").reserve("x", 1, now, SECOND)


def test_the_oldest_unfinished_job_is_the_one_received_first(
    records: JobsTable, make_job: MakeJob, now: datetime
) -> None:
    assert records.oldest_received() is None
    for number, hours in enumerate((1, 5, 3)):
        received = now - timedelta(hours=hours)
        kind = Due.PAUSED if number == 1 else Due.JOB
        records.create(make_job(job_id=f"j{number}", received_at=received, due_kind=kind, due_at=now))
    records.create(make_job(job_id="done", received_at=now - timedelta(days=9), due_kind=None, due_at=None))
    assert records.oldest_received() == now - timedelta(hours=5)


def test_a_learned_limit_is_kept_until_its_time_and_for_its_model(records: JobsTable, now: datetime) -> None:
    assert not records.takes_one_file_only("fun-asr", now)
    records.remember_one_file_only("fun-asr", now + timedelta(hours=1))
    assert records.takes_one_file_only("fun-asr", now)
    assert not records.takes_one_file_only("fun-asr", now + timedelta(hours=2))
    assert not records.takes_one_file_only("paraformer-v2", now)


def test_what_backfills_count_adds_up_for_each_run_and_expires(dynamodb: DynamoDBClient, records: JobsTable) -> None:
    counts = dict.fromkeys(COUNTS, 1)
    for run in ("one", "two", "one"):
        records.add_backfill_counts(run, counts)
    item = dynamodb.get_item(TableName="jobs", Key={"pk": {"S": "BACKFILL#one"}})["Item"]
    assert {name: item[name]["N"] for name in COUNTS} == dict.fromkeys(COUNTS, "2")
    assert float(item["expires_at"]["N"]) > time.time() + 29 * 86400


def test_the_lines_of_two_models_are_told_apart_oldest_first(records: JobsTable, make_job: MakeJob) -> None:
    for number, model in enumerate(["fun-asr", "paraformer-v2", "fun-asr"]):
        due_at = f"2026-01-01T12:00:0{number}.000Z"
        records.create(make_job(job_id=f"{number}" * 32, model=model, due_kind=Due.RATE_LIMITED, due_at=due_at))
    records.create(make_job(job_id="9" * 32, due_kind=Due.JOB, due_at="2026-01-01T12:00:00.000Z"))
    assert records.rate_limited_jobs(10) == {"fun-asr": ["0" * 32, "2" * 32], "paraformer-v2": ["1" * 32]}
    assert records.rate_limited_jobs(1) == {"fun-asr": ["0" * 32]}
