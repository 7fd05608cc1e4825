"""A kill at every side effect, before it and after it; then the next passes repair.

The side effects are found by a run that only counts them, so a new step is covered without anybody remembering it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from dashscribe.domain.jobs.job import Status
from tests.support.world import World

Scenario = Callable[[World], None]


def one_recording(world: World) -> None:
    world.upload("a.wav")


def two_in_a_task_and_a_bad_one(world: World) -> None:
    world.vendor.file_outcomes["bad.wav"] = ["DECODE_ERROR"]
    world.upload("a.wav")
    world.upload("bad.wav")


def a_dead_url(world: World) -> None:
    world.vendor.file_outcomes["a.wav"] = ["FILE_403_FORBIDDEN", "ok"]
    world.upload("a.wav")


def not_media(world: World) -> None:
    world.upload("notes.txt")


def silence(world: World) -> None:
    world.vendor.file_outcomes["a.wav"] = ["SUCCESS_WITH_NO_VALID_FRAGMENT"]
    world.upload("a.wav")


def no_key_for_a_while(world: World) -> None:
    world.key = None
    world.upload("a.wav")
    world.step()
    world.key = "sk-late"


def finalizers_during_queries(world: World) -> None:
    """A second task runs when the first has ended: it is asked about while that one's files are finalized."""
    world.finalizes_during_next_pass = True
    world.max_files_per_task = 1
    world.vendor.file_outcomes["bad.wav"] = ["DECODE_ERROR"]
    world.upload("a.wav")
    world.upload("bad.wav")
    world.deliver()
    world.now += timedelta(seconds=2)
    world.upload("b.wav")
    world.deliver()


SCENARIOS: list[Scenario] = [
    one_recording,
    two_in_a_task_and_a_bad_one,
    a_dead_url,
    not_media,
    silence,
    no_key_for_a_while,
    finalizers_during_queries,
]


def side_effects(scenario: Scenario) -> list[str]:
    world = World()
    scenario(world)
    world.run_until_quiet()
    return world.crashes.names


def crash_points() -> list[tuple[Scenario, int, bool, str]]:
    return [
        (scenario, number, after, name)
        for scenario in SCENARIOS
        for number, name in enumerate(side_effects(scenario), start=1)
        for after in (False, True)
    ]


@pytest.mark.parametrize(
    ("scenario", "number", "after", "name"),
    [
        pytest.param(*point, id=f"{point[0].__name__}-{'after' if point[2] else 'before'}-{point[1]}-{point[3]}")
        for point in crash_points()
    ],
)
def test_a_kill_at_any_side_effect_loses_nothing_and_pays_nothing_twice(
    scenario: Scenario, number: int, after: bool, name: str
) -> None:
    undisturbed = World()
    scenario(undisturbed)
    undisturbed.run_until_quiet()
    world = World()
    world.crashes.kill_at(number, after=after)
    scenario(world)
    world.run_until_quiet()
    assert world.crashes.count >= number, "the kill was never reached"

    for job in undisturbed.records.jobs.values():
        key = job.media.key
        ended = world.job_of(key)
        ends = world.bus.terminal_events_of(key)
        assert ended.status is job.status
        assert ends, f"no terminal event for {key}"
        assert {end.status for end in ends} == {job.status}
        # Also when the function died between the POST and the write of its answer: the vendor's list of tasks tells.
        assert world.vendor.submissions_of(key) == undisturbed.vendor.submissions_of(key)
        statuses = [saved.status for saved in world.records.saves if saved.media.key == key]
        first_end = next(i for i, status in enumerate(statuses) if status in (Status.SUCCEEDED, Status.FAILED))
        assert set(statuses[first_end:]) == {job.status}, "a terminal state was left again"
    assert set(world.results.files) == set(undisturbed.results.files)


def test_a_kill_inside_the_post_is_counted_as_ambiguous() -> None:
    world = World()
    number = side_effects(one_recording).index("POST") + 1
    world.crashes.kill_at(number, after=True)
    one_recording(world)
    world.run_until_quiet()
    assert sum(report.ambiguous for report in world.submit_reports) == 1
    assert world.vendor.submissions_of("a.wav") == 1


def test_a_kill_after_the_answer_was_written_down_submits_nothing_again() -> None:
    names = side_effects(one_recording)
    number = names.index("save task as IN_FLIGHT") + 1
    world = World()
    world.crashes.kill_at(number, after=True)
    one_recording(world)
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1
