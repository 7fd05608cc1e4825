"""The alarms of every stack, evaluated as CloudWatch evaluates them, on the metrics that the loop and AWS emit.

A period has no value where nothing was emitted. One list entry is one period of the alarm.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from dashscribe.observability import metrics
from dashscribe.services.polling.poll import PassReport
from functions.poll_tasks import app
from tests.template.conftest import with_options

TOPIC = "arn:aws:sns:us-east-1:123456789012:t"
Periods = Sequence[float | None]
State = Callable[[str, Periods], str]
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": float.__gt__,
    "GreaterThanOrEqualToThreshold": float.__ge__,
}


def evaluated(alarm: dict[str, Any], periods: Periods) -> str:
    """The alarm's state after these periods (CloudWatch's user guide, "Configuring how alarms treat missing data")."""
    number = alarm["EvaluationPeriods"]
    last = ([None] * number + list(periods))[-number:]
    values = [value for value in last if value is not None]
    if not values and alarm["TreatMissingData"] == "missing":
        return "INSUFFICIENT_DATA"
    is_breaching = COMPARISONS[alarm["ComparisonOperator"]]
    breaching = sum(is_breaching(float(value), float(alarm["Threshold"])) for value in values)
    needed = alarm.get("DatapointsToAlarm", number)
    if alarm["TreatMissingData"] == "missing":
        needed = min(needed, len(values))
    return "ALARM" if breaching >= needed else "OK"


@pytest.fixture
def state(template: dict[str, Any]) -> State:
    resources = with_options(template, AlarmTopicArn=TOPIC)

    def state_after(name: str, periods: Periods) -> str:
        return evaluated(resources[name]["Properties"], periods)

    return state_after


def emitted(name: str, report: PassReport) -> float | None:
    """The value of a metric after one pass with this report."""
    app.count(report)
    found = json.loads(json.dumps(metrics.metric_set)).get(name)
    metrics.clear_metrics()
    return None if found is None else max(found["Value"])


def test_an_idle_loop_raises_no_alarm_and_emits_no_metric(state: State) -> None:
    for alarm, metric in (
        ("SubmissionsPausedAlarm", "SubmissionsPaused"),
        ("OverdueJobAlarm", "LongestOverdue"),
        ("OldJobAlarm", "OldestJobAge"),
    ):
        assert emitted(metric, PassReport()) is None
        assert state(alarm, [None] * 10) == "OK", alarm
    assert state("LoopStoppedAlarm", [0.0] * 10) == "OK"
    assert state("DeadLetterAlarm", [None] * 10) == "OK"
    assert state("OldMessageAlarm", [None] * 10) == "OK"


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        pytest.param([0, None, None, None, None, None], "INSUFFICIENT_DATA", id="no pass starts"),
        pytest.param([0, 1, 1, 1, 1, 1], "ALARM", id="every pass fails"),
        pytest.param([0, 1, None, 1, None, 1], "ALARM", id="few passes, and every one fails"),
        pytest.param([1, 1, 1, 0.9, 1, 1], "OK", id="one of ten passes in a minute succeeds"),
        pytest.param([1, 1, 1, 1, 1, 0], "OK", id="the loop runs again"),
        pytest.param([0, 1, 1, 1, 0, 0], "OK", id="three failed passes"),
    ],
)
def test_a_loop_without_a_successful_pass_notifies(
    template: dict[str, Any], state: State, errors: Periods, expected: str
) -> None:
    """`errors`: the share of the poll function's runs that failed, by minute. A timeout is an error too."""
    assert state("LoopStoppedAlarm", errors) == expected
    alarm = with_options(template, AlarmTopicArn=TOPIC)["LoopStoppedAlarm"]["Properties"]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("AWS/Lambda", "Errors", "Average")
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": "PollTasksFunction"}}]
    assert alarm["AlarmActions"] == alarm["InsufficientDataActions"] == [{"Ref": "AlarmTopicArn"}]


def test_a_pause_raises_an_alarm_until_it_is_over(state: State) -> None:
    paused = emitted("SubmissionsPaused", PassReport(pause_reason="Arrearage"))
    assert state("SubmissionsPausedAlarm", [None, paused]) == "ALARM"
    assert state("SubmissionsPausedAlarm", [paused, None, paused, None]) == "ALARM", "a minute without a pass"
    assert state("SubmissionsPausedAlarm", [paused, *[None] * 5]) == "OK"


def test_a_job_that_stays_due_raises_an_alarm(state: State) -> None:
    late = emitted("LongestOverdue", PassReport(longest_overdue_seconds=601))
    soon = emitted("LongestOverdue", PassReport(longest_overdue_seconds=599))
    assert state("OverdueJobAlarm", [late] * 5) == "ALARM"
    assert state("OverdueJobAlarm", [late, None, late, None, late]) == "ALARM", "a pass takes more than a minute"
    assert state("OverdueJobAlarm", [soon] * 5) == "OK"
    assert state("OverdueJobAlarm", [late, late, *[None] * 3]) == "OK"


def test_an_old_job_raises_an_alarm(state: State) -> None:
    old = emitted("OldestJobAge", PassReport(oldest_job_seconds=5 * 3600 + 1))
    assert state("OldJobAlarm", [old]) == "ALARM"
    assert state("OldJobAlarm", [emitted("OldestJobAge", PassReport(oldest_job_seconds=4 * 3600))]) == "OK"
    assert state("OldJobAlarm", [old, None]) == "OK"


def test_a_dead_letter_raises_an_alarm(state: State) -> None:
    assert state("DeadLetterAlarm", [0, 1]) == "ALARM"
    assert state("DeadLetterAlarm", [1, 0]) == "OK"
