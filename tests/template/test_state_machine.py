"""statemachines/poll_tasks.asl.json: complete, reachable, and in step with the template and the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest

from dashscribe import errors

Machine = dict[str, Any]
SERVICES = {"DynamoDB": "dynamodb", "Lambda": "lambda", "Sfn": "stepfunctions"}
"""The prefix of an error name in Step Functions, and botocore's name of the service."""
LAMBDA_ERRORS_OF_STEP_FUNCTIONS = {
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.AWSLambdaException",
    "Lambda.Unknown",
}
"""Names that Step Functions' own client makes up: in its documentation, in no service model."""
STATES_ERRORS = {
    f"States.{name}"
    for name in (
        "ALL BranchFailed DataLimitExceeded ExceedToleratedFailureThreshold Http.Socket HeartbeatTimeout "
        "IntrinsicFailure ItemReaderFailed NoChoiceMatched ParameterPathFailure Permissions QueryEvaluationError "
        "ResultPathMatchFailure ResultWriterFailed Runtime TaskFailed Timeout"
    ).split()
}


def machines(machine: Machine) -> Iterator[Machine]:
    """The machine and those inside its Map and Parallel states."""
    yield machine
    for state in machine["States"].values():
        for inner in [state["ItemProcessor"]] if "ItemProcessor" in state else state.get("Branches", []):
            yield from machines(inner)


def states(machine: Machine) -> Iterator[tuple[str, dict[str, Any]]]:
    for inner in machines(machine):
        yield from inner["States"].items()


def targets(state: dict[str, Any]) -> Iterator[str]:
    """Where a state may lead."""
    for key in ("Next", "Default"):
        if key in state:
            yield state[key]
    for way in (*state.get("Choices", []), *state.get("Catch", [])):
        yield way["Next"]


def test_every_substitution_is_declared_and_used(asl_text: str, resources: dict[str, dict[str, Any]]) -> None:
    declared = set(resources["PollTasksStateMachine"]["Properties"]["DefinitionSubstitutions"])
    assert set(re.findall(r"\$\{([A-Za-z0-9]+)\}", asl_text)) == declared


def test_a_substitution_is_named_after_what_it_is(resources: dict[str, dict[str, Any]]) -> None:
    substitutions = resources["PollTasksStateMachine"]["Properties"]["DefinitionSubstitutions"]
    for name, value in substitutions.items():
        expected = f"{value['Ref']}Name" if "Ref" in value else "".join(value["Fn::GetAtt"])
        assert name == expected


def test_every_target_exists(asl: Machine) -> None:
    missing = [
        (name, target)
        for machine in machines(asl)
        for name, state in machine["States"].items()
        for target in targets(state)
        if target not in machine["States"]
    ]
    assert missing == []
    assert [machine["StartAt"] for machine in machines(asl) if machine["StartAt"] not in machine["States"]] == []


def test_every_state_is_reachable(asl: Machine) -> None:
    for machine in machines(asl):
        reached: set[str] = set()
        waiting = [machine["StartAt"]]
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting += targets(machine["States"][name])
        assert set(machine["States"]) - reached == set()


def test_every_state_says_what_follows(asl: Machine) -> None:
    loose = [
        name
        for name, state in states(asl)
        if state["Type"] not in ("Succeed", "Fail", "Choice") and ("Next" in state) == (state.get("End") is True)
    ]
    assert loose == []
    assert [name for name, state in states(asl) if state["Type"] == "Choice" and "Default" not in state] == []


def test_every_task_has_a_time_limit_and_an_answer_to_errors(asl: Machine) -> None:
    tasks = {name: state for name, state in states(asl) if state["Type"] == "Task"}
    assert len(tasks) >= 5
    assert [name for name, task in tasks.items() if "TimeoutSeconds" not in task] == []
    assert [name for name, task in tasks.items() if not (task.get("Retry") or task.get("Catch"))] == []


def test_every_retry_of_everything_has_jitter_and_an_end(asl: Machine) -> None:
    for name, state in states(asl):
        for retry in state.get("Retry", []):
            if retry.get("MaxAttempts") != 0:
                assert retry["JitterStrategy"] == "FULL", name
                assert 1 <= retry["MaxAttempts"] <= 5, name


def test_an_error_name_for_everything_stands_alone_and_last(asl: Machine) -> None:
    """Step Functions refuses a machine where it does not."""
    for name, state in states(asl):
        for ways in (state.get("Retry", []), state.get("Catch", [])):
            for position, way in enumerate(ways):
                if "States.ALL" in way["ErrorEquals"]:
                    assert (way["ErrorEquals"], position) == (["States.ALL"], len(ways) - 1), name


def test_every_error_name_exists(asl: Machine) -> None:
    session = botocore.session.get_session()
    unknown = []
    for name, state in states(asl):
        for way in (*state.get("Retry", []), *state.get("Catch", [])):
            for error in way["ErrorEquals"]:
                prefix, _, rest = error.partition(".")
                if not rest:
                    known = isinstance(getattr(errors, error, None), type)
                elif prefix == "States":
                    known = error in STATES_ERRORS
                else:
                    model = session.get_service_model(SERVICES[prefix])
                    known = rest in {shape.name for shape in model.error_shapes}
                    known = known or error in LAMBDA_ERRORS_OF_STEP_FUNCTIONS
                if not known:
                    unknown.append((name, error))
    assert unknown == []


def test_a_function_is_given_longer_than_it_may_run(asl: Machine, functions: dict[str, dict[str, Any]]) -> None:
    limits = {
        state["Arguments"]["FunctionName"]: state["TimeoutSeconds"]
        for _, state in states(asl)
        if state["Type"] == "Task" and state["Resource"] == "arn:aws:states:::lambda:invoke"
    }
    assert set(limits) == {"${PollTasksFunctionArn}", "${FinalizeTranscriptionFunctionArn}"}
    too_short = [name for name, limit in limits.items() if limit <= functions[name[2:-4]]["Timeout"]]
    assert too_short == []


def test_a_lease_outlives_the_longest_pass(asl: Machine, functions: dict[str, dict[str, Any]]) -> None:
    lease = asl["States"]["TakeLease"]["Arguments"]["ExpressionAttributeValues"][":until"]["N"]
    found = re.search(r"\$millis\(\) \+ (\d+)", lease)
    assert found is not None
    assert int(found[1]) / 1000 >= functions["PollTasksFunction"]["Timeout"]


def test_an_express_execution_stops_in_time_for_its_successor(
    asl: Machine, functions: dict[str, dict[str, Any]]
) -> None:
    """Five minutes at most: the last pass, its finalizers and its wait begin just before the limit."""
    [limit] = [
        int(found[1])
        for choice in asl["States"]["DecideWhatNext"]["Choices"]
        if (found := re.search(r"StartTime\) > (\d+)", choice["Condition"]))
    ]
    assert limit / 1000 + functions["PollTasksFunction"]["Timeout"] < 300


@pytest.mark.parametrize("secret", ["transcription_url", "api_key", "X-Amz", "Authorization"])
def test_no_secret_passes_through_the_state_machine(asl_text: str, secret: str) -> None:
    assert secret not in asl_text
