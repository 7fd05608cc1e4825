"""The relations between time-outs, claims, leases and delays on which the rules of docs/architecture.md depend.

The template and the state machine hold some of these numbers, the modules hold the others. Each test names what would
happen if its relation did not hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest

from dashscribe.adapters.dashscope_http import CALL_TIMEOUT, LIST_TIMEOUT, MAX_CALL_DURATION
from dashscribe.adapters.dashscope_http import TIMEOUT as REQUEST_TIMEOUT
from dashscribe.adapters.dashscope_vocabularies import TIMEOUT as VOCABULARY_TIMEOUT
from dashscribe.adapters.result_download import MAX_DOWNLOAD_DURATION, MAX_SMALL_DOWNLOAD_DURATION
from dashscribe.adapters.result_download import TIMEOUT as DOWNLOAD_TIMEOUT
from dashscribe.domain.jobs.task import MAX_WAIT
from dashscribe.domain.jobs.timeouts import (
    CALL_CLAIM_LASTS,
    CLAIM_LASTS,
    LIST_COMPLETE_AFTER,
    LOST_CALL_MESSAGE_AFTER,
    LOST_MESSAGE_AFTER,
    RECONCILE_AFTER,
    RECONCILE_WITHIN,
    TASK_DEADLINE,
    TASK_LIST_WINDOW,
    TASK_SAFETY_NET,
)
from dashscribe.services.polling.pass_budget import PASS_TIME
from dashscribe.services.polling.task_poller import CONCURRENT_FINALIZERS
from dashscribe.services.rate_limits import MAX_SLOT_WAIT as SUBMIT_SLOT_WAIT
from dashscribe.services.submission.submit import RECONCILE_TIME
from dashscribe.services.submission.submit import RUN_TIME as SUBMIT_RUN_TIME
from dashscribe.services.transcribe import MAX_CALL_SLOT_WAIT as CALL_SLOT_WAIT
from tests.template.conftest import StateMachine

Resources = dict[str, dict[str, Any]]
Machine = dict[str, Any]

EXPRESS_EXECUTION = timedelta(minutes=5)
"""AWS ends an EXPRESS execution after this."""


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def longest(timeout: httpx.Timeout) -> timedelta:
    """How long a request without a large body may take: to connect, and then to wait for the response."""
    assert timeout.connect is not None
    assert timeout.read is not None
    return seconds(timeout.connect + timeout.read)


def states(machine: Machine) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in machine["States"].items():
        yield name, state
        for inner in [state["ItemProcessor"]] if "ItemProcessor" in state else state.get("Branches", []):
            yield from states(inner)


@pytest.fixture(scope="module")
def timeout_of(functions: Resources) -> dict[str, timedelta]:
    """The `Timeout` of each function, by logical id."""
    return {name: seconds(properties["Timeout"]) for name, properties in functions.items()}


@pytest.fixture(scope="module")
def lease(poll_loop: Machine) -> timedelta:
    until = poll_loop["States"]["TakeLease"]["Arguments"]["ExpressionAttributeValues"][":until"]["N"]
    found = re.search(r"\$millis\(\) \+ (\d+)", until)
    assert found is not None
    return seconds(int(found[1]) / 1000)


# claims


def test_a_claim_outlives_the_function_that_made_it(timeout_of: dict[str, timedelta]) -> None:
    """Otherwise a second function could submit a job while the first one is still submitting it."""
    assert timeout_of["SubmitTranscriptionFunction"] < CLAIM_LASTS
    assert timeout_of["TranscribeAudioFunction"] < CALL_CLAIM_LASTS


def test_a_lost_message_is_noticed_only_after_its_claim_has_ended() -> None:
    """Otherwise the loop would requeue jobs that a function is still working on."""
    assert CLAIM_LASTS < LOST_MESSAGE_AFTER
    assert CALL_CLAIM_LASTS < LOST_CALL_MESSAGE_AFTER


def test_the_message_of_a_failed_function_is_visible_again_only_after_its_claim_has_ended(
    resources: Resources,
) -> None:
    """Otherwise the next receipt finds the claim still held and ends without a result."""
    assert seconds(resources["SubmitQueue"]["Properties"]["VisibilityTimeout"]) > CLAIM_LASTS
    assert seconds(resources["SynchronousQueue"]["Properties"]["VisibilityTimeout"]) > CALL_CLAIM_LASTS


# run times


def test_a_submission_that_starts_at_the_last_moment_still_ends_in_time(timeout_of: dict[str, timedelta]) -> None:
    """Otherwise Lambda kills the function between the POST and the record of its response."""
    longest_submission = SUBMIT_SLOT_WAIT + longest(REQUEST_TIMEOUT)
    assert SUBMIT_RUN_TIME + longest_submission < timeout_of["SubmitTranscriptionFunction"]


def test_reconciliation_leaves_time_to_submit_in_the_same_run() -> None:
    """Otherwise lost responses would delay new uploads."""
    assert RECONCILE_TIME < SUBMIT_RUN_TIME


def test_a_synchronous_call_that_waits_longest_still_ends_in_time(timeout_of: dict[str, timedelta]) -> None:
    """Otherwise a transcript that was paid for is lost. The body is read for `MAX_CALL_DURATION`; the last read may
    take the read time-out more. Before the call, the model of a given hotword list may be queried."""
    assert CALL_TIMEOUT.connect is not None
    assert CALL_TIMEOUT.read is not None
    longest_call = seconds(CALL_TIMEOUT.connect + CALL_TIMEOUT.read) + MAX_CALL_DURATION
    assert longest(VOCABULARY_TIMEOUT) + CALL_SLOT_WAIT + longest_call < timeout_of["TranscribeAudioFunction"]


def test_a_pass_that_queries_at_the_last_moment_still_ends_in_time(timeout_of: dict[str, timedelta]) -> None:
    """Otherwise Lambda kills the pass before it returns the tasks that have ended."""
    longest_request = max(longest(REQUEST_TIMEOUT), longest(LIST_TIMEOUT))
    assert PASS_TIME + longest_request < timeout_of["PollTasksFunction"]


def test_a_result_that_does_not_arrive_leaves_time_to_record_it(timeout_of: dict[str, timedelta]) -> None:
    assert MAX_SMALL_DOWNLOAD_DURATION < MAX_DOWNLOAD_DURATION < timeout_of["FinalizeTranscriptionFunction"]
    assert longest(DOWNLOAD_TIMEOUT) < MAX_DOWNLOAD_DURATION


def test_a_state_waits_longer_than_its_function_may_run(
    machines: dict[str, StateMachine], timeout_of: dict[str, timedelta]
) -> None:
    """Otherwise Step Functions would start a function again that is still running."""
    for machine in machines.values():
        limits = {
            state["Arguments"]["FunctionName"][2:-4]: seconds(state["TimeoutSeconds"])
            for _, state in states(machine.asl)
            if state["Type"] == "Task" and state["Resource"] == "arn:${Partition}:states:::lambda:invoke"
        }
        substitutions = machine.properties["DefinitionSubstitutions"]
        assert {f"{name}Arn" for name in limits} == {name for name in substitutions if name.endswith("FunctionArn")}
        assert [name for name, limit in limits.items() if limit <= timeout_of[name]] == []


# the loop


LEASE_WRITE_BACKOFF = timedelta(seconds=3)
"""The waits of 1 and 2 s before the second and the third attempt of a lease write."""


@dataclass(frozen=True)
class LoopLimits:
    """The limits of the loop, as its definition has them. Every sum below is of the longest durations."""

    lease: timedelta
    lease_renewed_after: timedelta
    last_pass_starts: timedelta
    finalizers_start_after_lease: timedelta
    finalizers_start_in_execution: timedelta
    lease_write: timedelta
    poll: timedelta
    finalizer: timedelta
    start_successor: timedelta


@pytest.fixture(scope="module")
def limits(poll_loop: Machine, lease: timedelta) -> LoopLimits:
    inner = dict(states(poll_loop))
    assert "Retry" not in inner["PollTasks"]
    assert "Retry" not in inner["FinalizeTranscription"]
    [last_pass] = {
        found
        for name in ("ChooseNextStep", "ChooseWhenToPoll")
        for choice in inner[name]["Choices"]
        for found in re.findall(r"StartTime\) > (\d+)", choice["Condition"])
    }  # both states use the same one
    write = inner["TakeLease"]
    assert [way["MaxAttempts"] for way in write["Retry"]] == [0, 2]
    [renewed_after] = re.findall(r"\+ (\d+)", write["Assign"]["renew_lease_at"])
    after_lease, in_execution = re.findall(r"\+ (\d+)", write["Assign"]["finalizers_start_until"])
    poll_path = ("WaitForConcurrency", "LeaveJobsToNextPass")
    waits = {name: seconds(inner[name]["Seconds"]) for name in poll_path}
    return LoopLimits(
        lease=lease,
        lease_renewed_after=seconds(int(renewed_after) / 1000),
        last_pass_starts=seconds(int(last_pass) / 1000),
        finalizers_start_after_lease=seconds(int(after_lease) / 1000),
        finalizers_start_in_execution=seconds(int(in_execution) / 1000),
        lease_write=3 * seconds(write["TimeoutSeconds"]) + LEASE_WRITE_BACKOFF,
        poll=MAX_WAIT + seconds(inner["PollTasks"]["TimeoutSeconds"]) + waits["WaitForConcurrency"],
        finalizer=seconds(inner["FinalizeTranscription"]["TimeoutSeconds"]) + 2 * waits["LeaveJobsToNextPass"],
        start_successor=seconds(inner["StartSuccessor"]["TimeoutSeconds"]),
    )


def test_the_lease_outlives_a_pass(limits: LoopLimits) -> None:
    """Otherwise a second execution would start the loop while the first one works. A lease counts from the start of its
    write. It is renewed before finalizers, and before a pass that starts later than `lease_renewed_after`: so two
    writes, this time and a pass must fit into it."""
    assert limits.lease_write + limits.lease_renewed_after + limits.poll + limits.lease_write < limits.lease
    finalizers = limits.finalizers_start_after_lease + limits.finalizer
    assert limits.lease_write + finalizers + limits.lease_write < limits.lease


def test_an_execution_ends_before_aws_ends_it(limits: LoopLimits) -> None:
    """Otherwise AWS would end it while finalizers run, and nothing would release the lease. The last pass starts just
    before its limit. What it found is then finalized or left to the successor."""
    release = limits.lease_write + limits.start_successor
    last_poll_ends = limits.last_pass_starts + limits.lease_write + limits.poll
    last_finalizer_ends = limits.finalizers_start_in_execution + limits.finalizer
    assert last_poll_ends + limits.lease_write + seconds(2) + release < EXPRESS_EXECUTION
    assert last_finalizer_ends + release < EXPRESS_EXECUTION


def test_the_code_and_the_map_allow_the_same_number_of_finalizers(poll_loop: Machine) -> None:
    assert dict(states(poll_loop))["FinalizeJobs"]["MaxConcurrency"] == CONCURRENT_FINALIZERS


# queues


def test_a_queue_hides_a_message_for_at_least_six_time_outs(
    resources: Resources, functions: Resources, timeout_of: dict[str, timedelta]
) -> None:
    """AWS asks for it: a throttled event source mapping holds messages before the function runs."""
    readers = {
        event["Properties"]["Queue"]["Fn::GetAtt"][0]: name
        for name, properties in functions.items()
        for event in properties.get("Events", {}).values()
        if event["Type"] == "SQS"
    }
    assert set(readers) == {"SubmitQueue", "SynchronousQueue"}
    for queue, function in readers.items():
        assert seconds(resources[queue]["Properties"]["VisibilityTimeout"]) >= 6 * timeout_of[function], queue


# tasks and reconciliation


def test_a_submitted_job_is_checked_only_after_its_task_is_overdue() -> None:
    """Otherwise the safety net would resubmit files whose task still runs."""
    assert TASK_DEADLINE < TASK_SAFETY_NET


def test_a_lost_response_is_reconciled_while_the_task_list_is_complete() -> None:
    """Otherwise a task that was accepted could be missing from the list, and the file would be paid for twice."""
    assert RECONCILE_AFTER < LIST_COMPLETE_AFTER < RECONCILE_WITHIN < TASK_LIST_WINDOW
