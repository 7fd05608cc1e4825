"""The state machines are complete, every state is reachable, and they match the template and the code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from dashscribe import errors
from dashscribe.services import backfill as backfill_module
from dashscribe.services.backfill import COUNTS, BackfillBatch, BackfillRequest, ListedObject
from dashscribe.services.polling.poll import PassRequest, PassResult
from tests.template.conftest import StateMachine

Machine = dict[str, Any]
MACHINES = ("PollTasksStateMachine", "BackfillStateMachine")
STEP_FUNCTIONS_PAYLOAD_BYTES = 256 * 1024
SERVICES = {"DynamoDB": "dynamodb", "Lambda": "lambda", "Sfn": "stepfunctions"}
"""The prefix of an error name in Step Functions → botocore's name of the service."""
LAMBDA_ERRORS_OF_STEP_FUNCTIONS = {
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.AWSLambdaException",
    "Lambda.Unknown",
}
"""Names that Step Functions' own client uses. Its documentation lists them; no service model does."""
STATES_ERRORS = {
    f"States.{name}"
    for name in (
        "ALL BranchFailed DataLimitExceeded ExceedToleratedFailureThreshold Http.Socket HeartbeatTimeout "
        "IntrinsicFailure ItemReaderFailed NoChoiceMatched ParameterPathFailure Permissions QueryEvaluationError "
        "ResultPathMatchFailure ResultWriterFailed Runtime TaskFailed Timeout"
    ).split()
}


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest, machines: dict[str, StateMachine]) -> StateMachine:
    return machines[request.param]


@pytest.fixture
def asl(machine: StateMachine) -> Machine:
    return machine.asl


def inner_machines(machine: Machine) -> Iterator[Machine]:
    """The state machine and those inside its Map and Parallel states."""
    yield machine
    for state in machine["States"].values():
        for inner in [state["ItemProcessor"]] if "ItemProcessor" in state else state.get("Branches", []):
            yield from inner_machines(inner)


def states(machine: Machine) -> Iterator[tuple[str, dict[str, Any]]]:
    for inner in inner_machines(machine):
        yield from inner["States"].items()


def targets(state: dict[str, Any]) -> Iterator[str]:
    """The states that may follow a state."""
    for key in ("Next", "Default"):
        if key in state:
            yield state[key]
    for way in (*state.get("Choices", []), *state.get("Catch", [])):
        yield way["Next"]


def test_every_state_machine_is_tested_here(machines: dict[str, StateMachine]) -> None:
    assert set(machines) == set(MACHINES)


def test_every_substitution_is_declared_and_used(machine: StateMachine) -> None:
    declared = set(machine.properties["DefinitionSubstitutions"])
    assert set(re.findall(r"\$\{([A-Za-z0-9]+)\}", machine.text)) == declared


def test_a_substitution_is_named_after_its_resource(machine: StateMachine) -> None:
    for name, value in machine.properties["DefinitionSubstitutions"].items():
        if value == {"Ref": "AWS::Partition"}:
            assert name == "Partition"
            continue
        one = value["Fn::If"][1] if "Fn::If" in value else value
        expected = f"{one['Ref']}Name" if "Ref" in one else "".join(one["Fn::GetAtt"])
        assert name == expected


def test_a_definition_is_valid_for_aws(machine: StateMachine, tmp_path: Path) -> None:
    """cfn-lint has a schema of the language, but it only checks definitions that are inside a template."""
    from cfnlint.api import lint_file  # type: ignore[import-untyped]  # it ships no types

    text = machine.text.replace("${Partition}", "aws")
    definition = re.sub(r"\$\{\w+\}", "arn:aws:lambda:us-east-1:123456789012:function:x", text)
    role = "arn:aws:iam::123456789012:role/x"
    properties = {"StateMachineType": machine.properties["Type"], "Definition": json.loads(definition), "RoleArn": role}
    template = {"Resources": {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}}
    path = tmp_path / "template.json"
    path.write_text(json.dumps(template))
    assert [str(match) for match in lint_file(path)] == []


def test_every_target_exists(asl: Machine) -> None:
    missing = [
        (name, target)
        for machine in inner_machines(asl)
        for name, state in machine["States"].items()
        for target in targets(state)
        if target not in machine["States"]
    ]
    assert missing == []
    assert [machine["StartAt"] for machine in inner_machines(asl) if machine["StartAt"] not in machine["States"]] == []


def test_every_state_is_reachable(asl: Machine) -> None:
    for machine in inner_machines(asl):
        reached: set[str] = set()
        waiting = [machine["StartAt"]]
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting += targets(machine["States"][name])
        assert set(machine["States"]) - reached == set()


def test_every_state_names_what_follows(asl: Machine) -> None:
    ambiguous = [
        name
        for name, state in states(asl)
        if state["Type"] not in ("Succeed", "Fail", "Choice") and ("Next" in state) == (state.get("End") is True)
    ]
    assert ambiguous == []
    assert [name for name, state in states(asl) if state["Type"] == "Choice" and "Default" not in state] == []


def test_every_task_has_a_time_limit_and_handles_errors(asl: Machine) -> None:
    tasks = {name: state for name, state in states(asl) if state["Type"] == "Task"}
    assert len(tasks) >= 2
    assert [name for name, task in tasks.items() if "TimeoutSeconds" not in task] == []
    assert [name for name, task in tasks.items() if not (task.get("Retry") or task.get("Catch"))] == []


def test_every_retry_has_jitter_and_a_bound(asl: Machine) -> None:
    for name, state in states(asl):
        for retry in state.get("Retry", []):
            if retry.get("MaxAttempts") != 0:
                assert retry["JitterStrategy"] == "FULL", name
                assert 1 <= retry["MaxAttempts"] <= 5, name


def test_a_rule_for_all_errors_has_no_other_name_and_is_the_last(asl: Machine) -> None:
    """Step Functions refuses a definition otherwise."""
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


def test_a_pass_that_lambda_throttles_runs_after_the_finalizers(poll_loop: Machine) -> None:
    """A new account may run ten functions at a time. The finalizers of one batch may use all of them."""
    first, *_ = dict(states(poll_loop))["PollTasks"]["Catch"]
    assert (first["ErrorEquals"], first["Next"]) == (["Lambda.TooManyRequestsException"], "WaitForConcurrency")
    assert dict(states(poll_loop))["WaitForConcurrency"]["Next"] == "SkipPoll"


def test_every_lease_write_has_the_same_retries_and_the_same_time_limit(poll_loop: Machine) -> None:
    """The language has no functions, so the definition repeats them."""
    writes = [state for _, state in states(poll_loop) if "dynamodb:updateItem" in state.get("Resource", "")]
    assert len(writes) == 6
    [read] = [state for _, state in states(poll_loop) if "dynamodb:getItem" in state.get("Resource", "")]
    assert (read["Retry"], read["TimeoutSeconds"]) == (writes[0]["Retry"][-1:], writes[0]["TimeoutSeconds"])
    assert read["Arguments"] == {
        "TableName": "${JobsTableName}",
        "Key": {"pk": {"S": "LEASE#poll_tasks"}},
        "ConsistentRead": True,
    }
    for write in writes:
        assert (write["Retry"], write["TimeoutSeconds"]) == (writes[0]["Retry"], writes[0]["TimeoutSeconds"])
        assert write["Arguments"]["TableName"] == "${JobsTableName}"
        assert write["Arguments"]["Key"] == {"pk": {"S": "LEASE#poll_tasks"}}


def test_the_loop_and_the_code_use_the_same_fields(poll_loop: Machine) -> None:
    inner = dict(states(poll_loop))
    assert set(inner["PollTasks"]["Arguments"]["Payload"]) == set(PassRequest.model_fields)
    known = set(PassResult.model_fields)
    for name in ("ReadLease", "TakeLease", "ClearWakeUpSignal"):
        assert set(poll_loop["States"][name]["Output"]) == known - {"work_left"} | {"failed_passes"}
    assert PassResult.model_validate(inner["SkipPoll"]["Output"]).work_left
    read = re.findall(r"\$states\.input\.(\w+)", json.dumps(poll_loop["States"]))
    assert set(read) - {"failed_passes", "scheduled"} == known


@pytest.mark.parametrize("secret", ["transcription_url", "api_key", "X-Amz", "Authorization"])
def test_no_secret_passes_through_a_state_machine(machine: StateMachine, secret: str) -> None:
    assert secret not in machine.text


# the backfill


def test_a_distributed_map_is_in_a_standard_machine(backfill: Machine, machines: dict[str, StateMachine]) -> None:
    assert machines["BackfillStateMachine"].properties["Type"] == "STANDARD"
    processor = backfill["States"]["QueueUploads"]["ItemProcessor"]["ProcessorConfig"]
    assert processor == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}


def test_an_inventory_is_queued_like_a_listing(backfill: Machine) -> None:
    """JSON cannot share the states, and the name of a state must be unique in the whole definition."""
    listing, inventory = (backfill["States"][name] for name in ("QueueUploads", "QueueUploadsOfInventory"))
    own = ("Comment", "ItemReader", "ItemSelector")
    same = json.dumps({key: value for key, value in inventory.items() if key not in own})
    for name in listing["ItemProcessor"]["States"]:
        same = same.replace(f'"{name}OfInventory"', f'"{name}"')
    assert json.loads(same) == {key: value for key, value in listing.items() if key not in own}
    assert inventory["ItemReader"] == {
        "Resource": "arn:${Partition}:states:::s3:getObject",
        "ReaderConfig": {"InputType": "MANIFEST"},
        "Parameters": {"Bucket.$": "$.inventory.bucket", "Key.$": "$.inventory.key"},
    }


def test_an_item_has_the_fields_that_the_code_reads(backfill: Machine) -> None:
    for name in ("QueueUploads", "QueueUploadsOfInventory"):
        selected = {key.removesuffix(".$") for key in backfill["States"][name]["ItemSelector"]["object"]}
        aliases = {str(field.alias) for field in ListedObject.model_fields.values()}
        assert selected | {"Bucket"} == aliases


def test_the_media_bucket_is_listed_under_the_prefix(backfill: Machine) -> None:
    assert backfill["States"]["QueueUploads"]["ItemReader"] == {
        "Resource": "arn:${Partition}:states:::s3:listObjectsV2",
        "Parameters": {"Bucket": "${MediaBucketName}", "Prefix.$": "$.prefix"},
    }


def test_the_request_has_the_fields_of_the_code(backfill: Machine) -> None:
    known = set(BackfillRequest.model_fields) - {"run"}
    allowed = backfill["States"]["CheckRequest"]["Choices"][0]["Condition"]
    assert set(re.findall(r"'(\w+)'", allowed)) == known
    defaults = backfill["States"]["ApplyDefaults"]["Output"]
    assert set(re.findall(r"'(\w+)'", defaults)) == known | {"run"}


def test_the_execution_returns_every_count(backfill: Machine) -> None:
    assert set(backfill["States"]["ReadCounts"]["Output"]) == set(COUNTS)


def test_the_largest_batch_and_its_answer_fit_into_an_execution(backfill: Machine) -> None:
    """A batch has as many items as fit. Keys and filters are as long as possible, in characters of three bytes."""
    batcher = backfill["States"]["QueueUploads"]["ItemBatcher"]
    item = {
        "object": {"Key": "音" * 341, "Size": 10**12, "LastModified": 1_700_000_000},
        "request": {
            **dict.fromkeys(("newer_than", "older_than"), "2026-01-01T00:00:00Z"),
            **dict.fromkeys(("run", "suffix"), "r" * 80),
            "prefix": "音" * 341,
            "dry_run": False,
        },
    }
    size = len(json.dumps(item, ensure_ascii=False).encode()) + 2
    fitting = min(batcher["MaxItemsPerBatch"], batcher["MaxInputBytesPerBatch"] // size)
    assert fitting >= 40
    left = BackfillBatch.model_validate({"Items": [item] * fitting, "wait_seconds": 300})
    escaped = json.dumps(left.model_dump(mode="json", by_alias=True))  # a runtime may write every character as \\uXXXX
    assert len(escaped) + 4096 < STEP_FUNCTIONS_PAYLOAD_BYTES


def test_the_output_of_a_million_objects_fits_into_an_execution(backfill: Machine) -> None:
    queue = backfill["States"]["QueueUploads"]
    [ending] = [state for state in queue["ItemProcessor"]["States"].values() if state.get("End")]
    batches = 1_000_000 / queue["ItemBatcher"]["MaxItemsPerBatch"]
    assert batches * len(f"{json.dumps(ending['Output'])},") < STEP_FUNCTIONS_PAYLOAD_BYTES
    assert queue["ResultPath"] is None


def test_a_batch_may_wait_for_a_week_before_its_history_is_full() -> None:
    """An execution may have 25,000 events. One wait and the check after it are nine events."""
    assert 25_000 / 9 * backfill_module.PAUSED_SECONDS > 7 * 86400


def test_the_longest_delay_of_a_message_is_one_that_a_queue_accepts(
    backfill: Machine, template: dict[str, Any]
) -> None:
    batch = backfill["States"]["QueueUploads"]["ItemBatcher"]["MaxItemsPerBatch"]
    slowest = template["Parameters"]["BackfillFilesPerSecond"]["MinValue"]
    assert backfill_module.MAX_MESSAGE_DELAY.total_seconds() + batch / slowest <= 900
