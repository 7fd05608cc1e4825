"""The JSONata expressions of statemachines/*.asl.json, evaluated with the inputs that each state can receive.

The engine is jsonata-python, which the local stack (MiniStack 1.5.33) uses too. The tests are stricter than the local
stack in one point: the condition of a Choice must be true or false. AWS fails the execution otherwise; MiniStack takes
any value for true or false, so it hides such a fault. Both fail for an expression that is undefined.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jsonata import Jsonata  # type: ignore[import-untyped]  # it ships no types
from jsonata.jexception import JException  # type: ignore[import-untyped]

from dashscribe.services.backfill import COUNTS, BackfillRequest
from dashscribe.services.polling.poll import PassRequest, PassResult
from tests.template.conftest import StateMachine

Document = dict[str, Any]

EXECUTION_ID = "arn:aws:states:us-east-1:123456789012:express:loop:run-1:2f"
MACHINE_ID = "arn:aws:states:us-east-1:123456789012:stateMachine:loop"
LEASE_MS = 150_000
TASK_FILES = {"submission_id": "s-1", "job_ids": ["j-1", "j-2"]}
UNPUBLISHED_JOB = {"submission_id": None, "job_ids": ["j-3"]}
WAITING = {"finalize": [], "wait_seconds": 2, "work_left": True, "poll_meanwhile": False}
FINALIZING = {"finalize": [TASK_FILES], "wait_seconds": 1, "work_left": True, "poll_meanwhile": True}
NO_WORK = {"finalize": [], "wait_seconds": 3, "work_left": False, "poll_meanwhile": False}
SKIPPED = {"finalize": [], "wait_seconds": 0, "work_left": True}
FAILED_ONCE = {"finalize": [], "wait_seconds": 3, "work_left": True, "failed_passes": 1}
FAILED_PASS = {**FAILED_ONCE, "failed_passes": 3}
"""The last of the failed passes that an execution tolerates."""
VARIABLES: Document = {"is_held": False, "is_woken": False, "is_scheduled": False, "renew_lease_at": 1}
"""What an execution has assigned that holds the lease and must renew it."""
REQUEST = {"prefix": "calls/", "newer_than": "2026-01-31T00:00:00Z", "older_than": None, "dry_run": True}
COUNTED = {name: {"N": str(number)} for number, name in enumerate(COUNTS)}


def context(seconds_ago: float = 1) -> Document:
    """The part of the context object that expressions read, of an execution that started so long ago."""
    started = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    start_time = started.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    execution = {"Id": EXECUTION_ID, "Name": "run-1", "StartTime": start_time}
    return {"Execution": execution, "StateMachine": {"Id": MACHINE_ID}}


def milliseconds() -> float:
    return datetime.now(UTC).timestamp() * 1000


def evaluated(value: Any, given: Any = None, result: Any = None, seconds_ago: float = 1, **variables: object) -> Any:
    """A field of a state as Step Functions evaluates it: `given` is the state's input, `result` its task's result."""
    variables = {**VARIABLES, **variables}
    if isinstance(value, dict):
        return {name: evaluated(part, given, result, seconds_ago, **variables) for name, part in value.items()}
    if isinstance(value, list):
        return [evaluated(part, given, result, seconds_ago, **variables) for part in value]
    if not is_expression(value):
        return value
    states = {"input": given, "result": result, "context": context(seconds_ago)}
    known = {"states": states, "finalizers_start_until": milliseconds() + 45_000, **variables}
    text = value[2:-2].strip()
    found = Jsonata(text).evaluate(None, known)
    assert Jsonata(f"$exists(({text}))").evaluate(None, known), f"undefined: {text}"
    return found


def is_expression(value: object) -> bool:
    return isinstance(value, str) and value.startswith("{%") and value.endswith("%}")


def next_state(choice: Document, given: Any, seconds_ago: float = 1, **variables: object) -> str:
    """Where a Choice state leads. Step Functions fails the execution for a condition that is not true or false."""
    for rule in choice["Choices"]:
        holds = evaluated(rule["Condition"], given, seconds_ago=seconds_ago, **variables)
        assert isinstance(holds, bool), rule["Condition"]
        if holds:
            return str(rule["Next"])
    return str(choice["Default"])


def states_of(asl: Document) -> Iterator[tuple[str, Document]]:
    for name, state in asl["States"].items():
        yield name, state
        for inner in [state["ItemProcessor"]] if "ItemProcessor" in state else state.get("Branches", []):
            yield from states_of(inner)


def own_expressions(state: Document) -> Iterator[str]:
    """The expressions of a state, without those of the states inside it."""
    pending: list[Any] = [value for name, value in state.items() if name not in ("ItemProcessor", "Branches")]
    while pending:
        value = pending.pop()
        if isinstance(value, dict | list):
            pending += value.values() if isinstance(value, dict) else value
        elif is_expression(value):
            yield value


@pytest.fixture(scope="module")
def poll(machines: dict[str, StateMachine]) -> dict[str, Document]:
    """The states of the poll loop, by name."""
    return dict(states_of(machines["PollTasksStateMachine"].asl))


@pytest.fixture(scope="module")
def backfill_states(machines: dict[str, StateMachine]) -> dict[str, Document]:
    return dict(states_of(machines["BackfillStateMachine"].asl))


TYPICAL: dict[str, tuple[Any, Any]] = {
    "ReadLease": ({"scheduled": True}, {"Item": {"held_until": {"N": "1767225600000"}}}),
    "ChooseHowToStart": (WAITING, None),
    "TakeLease": (FINALIZING, None),
    "RecordWakeUpSignal": ({}, None),
    "FinalizeAndPoll": (FINALIZING, [{}, WAITING]),
    "FinalizeJobs": (FINALIZING, None),
    "CheckTimeLeft": (TASK_FILES, None),
    "FinalizeTranscription": (TASK_FILES, None),
    "ChooseWhenToPoll": (FINALIZING, None),
    "WaitForNextDueTask": (FINALIZING, None),
    "PollTasks": ({**FINALIZING, "failed_passes": 0}, {"Payload": WAITING}),
    "ReportFailedPass": ({"failed_passes": 1}, None),
    "ChooseNextStep": (WAITING, None),
    "ReleaseLease": (NO_WORK, None),
    "ClearWakeUpSignal": ({}, None),
    "ReleaseLeaseToSuccessor": (WAITING, None),
    "StartSuccessor": ({}, None),
    "ReleaseLeaseAfterFailure": (FAILED_PASS, None),
    "CheckRequest": (REQUEST, None),
    "ApplyDefaults": (REQUEST, None),
    "ChooseSource": (REQUEST, None),
    **dict.fromkeys(("QueueBatch", "QueueBatchOfInventory"), ({"Items": [{}]}, {"Payload": {"Items": []}})),
    **dict.fromkeys(("CheckRemainingObjects", "CheckRemainingObjectsOfInventory"), ({"Items": []}, None)),
    "ReadCounts": ({}, {"Item": COUNTED}),
}
"""A typical input and result of each state that has expressions."""


def test_every_expression_has_a_value_for_a_typical_input(machines: dict[str, StateMachine]) -> None:
    with_expressions = {
        name: list(own_expressions(state))
        for machine in machines.values()
        for name, state in states_of(machine.asl)
        if list(own_expressions(state))
    }
    assert set(with_expressions) == set(TYPICAL)
    for name, expressions in with_expressions.items():
        for expression in expressions:
            evaluated(expression, *TYPICAL[name])


# the poll loop: the lease


LEASE_WRITERS = (
    *("TakeLease", "RecordWakeUpSignal", "ReleaseLease", "ClearWakeUpSignal"),
    *("ReleaseLeaseToSuccessor", "ReleaseLeaseAfterFailure"),
)


@pytest.mark.parametrize("name", LEASE_WRITERS)
def test_a_lease_write_names_this_execution_and_the_present_time(poll: dict[str, Document], name: str) -> None:
    before = milliseconds() - 1
    values = evaluated(poll[name]["Arguments"]["ExpressionAttributeValues"], {})
    if ":me" in values:
        assert values[":me"] == {"S": EXECUTION_ID}
    if ":now" in values:
        assert values[":now"]["N"].isdecimal()  # DynamoDB compares it with the stored number
        assert before <= int(values[":now"]["N"]) <= milliseconds() + 1


def test_a_lease_is_held_for_150_seconds(poll: dict[str, Document]) -> None:
    values = evaluated(poll["TakeLease"]["Arguments"]["ExpressionAttributeValues"], {})
    assert values[":until"]["N"].isdecimal()
    held_ms = int(values[":until"]["N"]) - int(values[":now"]["N"])
    assert abs(held_ms - LEASE_MS) < 1000  # the two expressions read the clock one after the other


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, {}, id="the schedule and a wake-up signal start it with an empty input"),
        pytest.param({"Comment": "Insert your JSON here"}, {}, id="the console's suggestion"),
        pytest.param({"finalize": []}, {}, id="nothing to finalize"),
        pytest.param(SKIPPED, {}, id="the poll was skipped"),
        pytest.param(WAITING, {"wait_seconds": 2}, id="a pass without finished tasks"),
        pytest.param({"finalize": [TASK_FILES]}, {"finalize": [TASK_FILES]}, id="one request stays a list"),
        pytest.param(
            {**FINALIZING, "finalize": [TASK_FILES, UNPUBLISHED_JOB]},
            {"finalize": [TASK_FILES, UNPUBLISHED_JOB], "wait_seconds": 1, "poll_meanwhile": True},
            id="several requests",
        ),
        pytest.param({"poll_meanwhile": "true"}, {}, id="a text is not true"),
        pytest.param({"poll_meanwhile": None}, {}, id="null is not true"),
        pytest.param(FAILED_ONCE, {"wait_seconds": 3, "failed_passes": 1}, id="a pass has failed"),
    ],
)
def test_a_pass_always_starts_with_every_field(poll: dict[str, Document], given: Document, expected: Document) -> None:
    defaults = {"finalize": [], "wait_seconds": 0, "poll_meanwhile": False, "failed_passes": 0}
    assert evaluated(poll["TakeLease"]["Output"], given, {}) == {**defaults, **expected}


@pytest.mark.parametrize(
    ("result", "is_held"),
    [
        pytest.param({}, False, id="there was never a loop"),
        pytest.param({"Item": {"pk": {"S": "LEASE#poll_tasks"}}}, False, id="released"),
        pytest.param({"Item": {"held_until": {"N": str(int(milliseconds()) - 1000)}}}, False, id="expired"),
        pytest.param({"Item": {"held_until": {"N": str(int(milliseconds()) + 900_000)}}}, True, id="held"),
    ],
)
@pytest.mark.parametrize("given", [{}, {"scheduled": True}, {"scheduled": "true"}])
def test_an_execution_knows_whether_another_one_runs_the_loop(
    poll: dict[str, Document], given: Document, result: Document, is_held: bool
) -> None:
    assigned = evaluated(poll["ReadLease"]["Assign"], given, result)
    assert (assigned["is_held"], assigned["renew_lease_at"]) == (is_held, 0)
    assert assigned["is_scheduled"] is (given.get("scheduled") is True)
    assert assigned["is_woken"] is False
    next_one = "RecordWakeUpSignal" if is_held else "FinalizeAndPoll" if assigned["is_scheduled"] else "TakeLease"
    assert next_state(poll["ChooseHowToStart"], {}, **assigned) == next_one


@pytest.mark.parametrize(
    ("held_seconds", "expected"),
    [
        pytest.param(60, "AnotherLoopIsRunning", id="the running loop makes one more pass anyway"),
        pytest.param(-1, "TakeLease", id="that loop died with the signal"),
    ],
)
def test_a_wake_up_signal_that_is_recorded_is_not_recorded_again(
    poll: dict[str, Document], held_seconds: float, expected: str
) -> None:
    until = {"N": str(int(milliseconds() + held_seconds * 1000))}
    result = {"Item": {"held_until": until, "wake_up_sent": {"BOOL": True}}}
    assigned = evaluated(poll["ReadLease"]["Assign"], {}, result)
    assert assigned["is_woken"] is True
    assert next_state(poll["ChooseHowToStart"], {}, **assigned) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(NO_WORK, "NothingInFlight", id="no work"),
        pytest.param(WAITING, "TakeLease", id="tasks in flight"),
        pytest.param(FINALIZING, "TakeLease", id="files to finalize"),
        pytest.param(FAILED_ONCE, "TakeLease", id="the pass failed"),
    ],
)
def test_a_first_pass_without_the_lease_takes_it_only_when_there_is_work(
    poll: dict[str, Document], given: Document, expected: str
) -> None:
    first = evaluated(poll["ReadLease"]["Output"], {"scheduled": True}, {})
    assert next_state(poll["ChooseWhenToPoll"], first) == "PollTasks"
    assert next_state(poll["ChooseNextStep"], given, renew_lease_at=0) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(WAITING, "FinalizeAndPoll", id="tasks in flight"),
        pytest.param(SKIPPED, "FinalizeAndPoll", id="the poll was skipped"),
        pytest.param(FAILED_ONCE, "FinalizeAndPoll", id="a pass has failed"),
        pytest.param(FINALIZING, "TakeLease", id="finalizers need a fresh lease"),
        pytest.param(NO_WORK, "ReleaseLease", id="no work"),
        pytest.param(FAILED_PASS, "ReleaseLeaseAfterFailure", id="the pass failed"),
    ],
)
def test_passes_without_finalizers_share_a_renewal_of_the_lease(
    poll: dict[str, Document], given: Document, expected: str
) -> None:
    before = milliseconds()
    renew_at = evaluated(poll["TakeLease"]["Assign"]["renew_lease_at"], given, {})
    assert before - 1 <= renew_at - 20_000 <= milliseconds() + 1
    assert next_state(poll["ChooseNextStep"], given, renew_lease_at=renew_at) == expected
    [unrenewed] = [rule for rule in poll["ChooseNextStep"]["Choices"] if rule["Next"] == "FinalizeAndPoll"]
    assert unrenewed["Output"] == poll["TakeLease"]["Output"]


# the poll loop: a pass


@pytest.mark.parametrize("requests", [[], [TASK_FILES], [UNPUBLISHED_JOB], [TASK_FILES, UNPUBLISHED_JOB]])
def test_each_request_goes_to_one_finalizer_and_to_the_pass(
    poll: dict[str, Document], requests: list[Document]
) -> None:
    given = {"finalize": requests, "wait_seconds": 0, "poll_meanwhile": True}
    assert evaluated(poll["FinalizeJobs"]["Items"], given) == requests
    payload = evaluated(poll["PollTasks"]["Arguments"]["Payload"], given)
    assert payload == {"loop": "run-1", "being_finalized": requests}
    assert PassRequest.model_validate(payload).model_dump()["being_finalized"] == requests


def test_a_finalizer_receives_its_request_unchanged(poll: dict[str, Document]) -> None:
    for request in (TASK_FILES, UNPUBLISHED_JOB):
        assert evaluated(poll["FinalizeTranscription"]["Arguments"]["Payload"], request) == request


@pytest.mark.parametrize(
    ("given", "seconds_ago", "expected"),
    [
        pytest.param({"finalize": [], "wait_seconds": 0, "poll_meanwhile": False}, 1, "PollTasks", id="first pass"),
        pytest.param({"finalize": [], "wait_seconds": 2, "poll_meanwhile": False}, 1, "WaitForNextDueTask", id="wait"),
        pytest.param(
            {"finalize": [], "wait_seconds": 0, "poll_meanwhile": False}, 170, "PollTasks", id="late, no files"
        ),
        pytest.param(
            {"finalize": [TASK_FILES], "wait_seconds": 0, "poll_meanwhile": False}, 1, "SkipPoll", id="nothing due soon"
        ),
        pytest.param(
            {"finalize": [TASK_FILES], "wait_seconds": 0, "poll_meanwhile": True}, 1, "PollTasks", id="poll meanwhile"
        ),
        pytest.param(
            {"finalize": [TASK_FILES], "wait_seconds": 1, "poll_meanwhile": True},
            1,
            "WaitForNextDueTask",
            id="wait, then poll meanwhile",
        ),
        pytest.param(
            {"finalize": [TASK_FILES], "wait_seconds": 1, "poll_meanwhile": True},
            170,
            "SkipPoll",
            id="late, files",
        ),
        pytest.param(
            {"finalize": [TASK_FILES, UNPUBLISHED_JOB], "wait_seconds": 1, "poll_meanwhile": True},
            150,
            "WaitForNextDueTask",
            id="not late yet",
        ),
    ],
)
def test_when_the_next_pass_polls(
    poll: dict[str, Document], given: Document, seconds_ago: float, expected: str
) -> None:
    assert next_state(poll["ChooseWhenToPoll"], given, seconds_ago) == expected


@pytest.mark.parametrize("seconds", [1, 2, 3])
def test_a_wait_is_a_whole_number_of_seconds(poll: dict[str, Document], seconds: int) -> None:
    given = {"finalize": [], "wait_seconds": seconds, "poll_meanwhile": False}
    waits = evaluated(poll["WaitForNextDueTask"]["Seconds"], given)
    assert (type(waits), waits) == (int, seconds)


@pytest.mark.parametrize("answer", [WAITING, FINALIZING, NO_WORK])
def test_the_answer_of_a_pass_reaches_the_next_step_unchanged(poll: dict[str, Document], answer: Document) -> None:
    assert PassResult.model_validate(answer).model_dump() == answer
    returned = evaluated(poll["PollTasks"]["Output"], FINALIZING, {"Payload": answer, "StatusCode": 200})
    assert evaluated(poll["FinalizeAndPoll"]["Output"], FINALIZING, [{}, returned]) == answer


def test_a_skipped_poll_reaches_the_next_step(poll: dict[str, Document]) -> None:
    returned = evaluated(poll["SkipPoll"]["Output"], FINALIZING)
    assert returned == SKIPPED
    assert evaluated(poll["FinalizeAndPoll"]["Output"], FINALIZING, [{}, returned]) == SKIPPED


def test_failed_passes_are_counted_until_one_succeeds(poll: dict[str, Document]) -> None:
    given: Document = {}
    for number in (1, 2, 3):
        started = evaluated(poll["TakeLease"]["Output"], given, {})
        caught = evaluated(poll["PollTasks"]["Catch"][-1]["Output"], started)
        given = evaluated(poll["ReportFailedPass"]["Output"], caught)
        assert given["failed_passes"] == number
        expected = "ReleaseLeaseAfterFailure" if number == 3 else "TakeLease"
        assert next_state(poll["ChooseNextStep"], given) == expected
    assert evaluated(poll["TakeLease"]["Output"], WAITING, {})["failed_passes"] == 0


@pytest.mark.parametrize(("seconds_ago", "left_seconds"), [(1, 45), (150, 40), (189, 1), (195, -5)])
def test_finalizers_start_within_the_lease_and_within_the_execution(
    poll: dict[str, Document], seconds_ago: float, left_seconds: float
) -> None:
    before = milliseconds()
    until = evaluated(poll["TakeLease"]["Assign"]["finalizers_start_until"], {}, {}, seconds_ago)
    assert before - 1 <= until - left_seconds * 1000 <= milliseconds() + 1
    [rule] = poll["CheckTimeLeft"]["Choices"]
    before = milliseconds()
    is_late = Jsonata(rule["Condition"][2:-2]).evaluate(None, {"finalizers_start_until": until})
    assert (before > until) <= is_late <= (milliseconds() > until)
    assert rule["Next"] == "LeaveJobsToNextPass"


@pytest.mark.parametrize(
    ("given", "seconds_ago", "expected"),
    [
        pytest.param(FAILED_PASS, 1, "ReleaseLeaseAfterFailure", id="the pass failed"),
        pytest.param(FAILED_PASS, 170, "ReleaseLeaseAfterFailure", id="the pass failed late"),
        pytest.param(NO_WORK, 1, "ReleaseLease", id="no work"),
        pytest.param(NO_WORK, 170, "ReleaseLease", id="no work, late"),
        pytest.param(WAITING, 1, "TakeLease", id="tasks in flight"),
        pytest.param(WAITING, 170, "ReleaseLeaseToSuccessor", id="tasks in flight, late"),
        pytest.param(FINALIZING, 170, "TakeLease", id="files to finalize come first, however late"),
        pytest.param(SKIPPED, 1, "TakeLease", id="the poll was skipped"),
        pytest.param(SKIPPED, 170, "ReleaseLeaseToSuccessor", id="the poll was skipped, late"),
        pytest.param({**WAITING, "added_later": 1}, 1, "TakeLease", id="a field that the loop does not know"),
    ],
)
def test_what_follows_a_pass(poll: dict[str, Document], given: Document, seconds_ago: float, expected: str) -> None:
    assert next_state(poll["ChooseNextStep"], given, seconds_ago) == expected


def test_a_successor_is_an_execution_of_the_same_machine(poll: dict[str, Document]) -> None:
    assert evaluated(poll["StartSuccessor"]["Arguments"], {}) == {"StateMachineArn": MACHINE_ID}


# the backfill


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param({}, "ApplyDefaults", id="the whole bucket"),
        pytest.param(REQUEST, "ApplyDefaults", id="some fields"),
        pytest.param(
            {"prefix": "", "suffix": ".wav", "inventory": None, "newer_than": None}, "ApplyDefaults", id="null fields"
        ),
        pytest.param({"newer_than": "2026-01-31T08:00:00.123Z"}, "ApplyDefaults", id="milliseconds"),
        pytest.param({"prefx": "calls/"}, "RefuseRequest", id="a misspelt field"),
        pytest.param({**REQUEST, "run": "other"}, "RefuseRequest", id="a name of its own"),
        pytest.param({"newer_than": "2026-01-31"}, "RefuseRequest", id="a date without a time"),
        pytest.param({"older_than": "2026-01-31T00:00:00+08:00"}, "RefuseRequest", id="another time zone"),
        pytest.param({"newer_than": "", "older_than": None}, "RefuseRequest", id="an empty time"),
        pytest.param(
            {"newer_than": "2026-01-31T00:00:00Z", "older_than": "yesterday"}, "RefuseRequest", id="one of two is wrong"
        ),
    ],
)
def test_a_backfill_refuses_what_it_does_not_understand(
    backfill_states: dict[str, Document], request_: Document, expected: str
) -> None:
    assert next_state(backfill_states["CheckRequest"], request_) == expected


def test_a_time_that_is_no_text_fails_the_execution_before_anything_is_listed(
    backfill_states: dict[str, Document],
) -> None:
    with pytest.raises(JException):
        next_state(backfill_states["CheckRequest"], {"newer_than": 1_767_225_600})


@pytest.mark.parametrize("request_", [{}, REQUEST, {"inventory": {"bucket": "b", "key": "manifest.json"}}])
def test_every_field_of_a_backfill_has_a_default(backfill_states: dict[str, Document], request_: Document) -> None:
    complete = evaluated(backfill_states["ApplyDefaults"]["Output"], request_)
    assert set(complete) == set(BackfillRequest.model_fields)
    assert BackfillRequest.model_validate(complete) == BackfillRequest.model_validate({"run": "run-1", **request_})


@pytest.mark.parametrize(
    ("inventory", "expected"),
    [(None, "QueueUploads"), ({"bucket": "b", "key": "manifest.json"}, "QueueUploadsOfInventory")],
)
def test_an_inventory_is_read_instead_of_the_bucket(
    backfill_states: dict[str, Document], inventory: Document | None, expected: str
) -> None:
    complete = evaluated(backfill_states["ApplyDefaults"]["Output"], {"inventory": inventory})
    assert next_state(backfill_states["ChooseSource"], complete) == expected


@pytest.mark.parametrize("suffix", ["", "OfInventory"])
def test_a_batch_is_tried_again_while_objects_remain(backfill_states: dict[str, Document], suffix: str) -> None:
    batch = {"Items": [{"object": {"Key": "a.wav"}, "request": {}}], "wait_seconds": 60}
    finished = {"Items": [], "wait_seconds": 0}
    queue, check = backfill_states[f"QueueBatch{suffix}"], backfill_states[f"CheckRemainingObjects{suffix}"]
    assert evaluated(queue["Arguments"]["Payload"], batch) == batch
    for returned, expected in (
        (batch, "WaitBeforeNextTry"),
        ({**batch, "Items": batch["Items"] * 2}, "WaitBeforeNextTry"),  # type: ignore[operator]  # a list
        (finished, "FinishBatch"),
    ):
        output = evaluated(queue["Output"], batch, {"Payload": returned})
        assert output == returned
        assert next_state(check, output) == f"{expected}{suffix}"


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param({"Item": COUNTED}, dict(zip(COUNTS, range(len(COUNTS)), strict=True)), id="every count"),
        pytest.param({"Item": {"listed": {"N": "7"}, "queued": {"N": "0"}}}, {"listed": 7}, id="some counts"),
        pytest.param({"Item": {}}, {}, id="an empty record"),
        pytest.param({}, {}, id="no object was listed, so there is no record"),
    ],
)
def test_a_count_that_is_not_stored_is_zero(
    backfill_states: dict[str, Document], item: Document, expected: Document
) -> None:
    counts = evaluated(backfill_states["ReadCounts"]["Output"], {}, item)
    assert counts == {**dict.fromkeys(COUNTS, 0), **expected}
    assert json.loads(json.dumps(counts)) == counts


def test_the_counts_of_this_execution_are_read(backfill_states: dict[str, Document]) -> None:
    assert evaluated(backfill_states["ReadCounts"]["Arguments"]["Key"], {}) == {"pk": {"S": "BACKFILL#run-1"}}
