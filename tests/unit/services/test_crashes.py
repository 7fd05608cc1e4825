"""A kill before and after every side effect. The next passes must repair everything.

A run that only counts finds the side effects, so a new step is covered without a new test.
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


def a_bad_file_in_a_task_of_two(world: World) -> None:
    world.vendor.file_outcomes["bad.wav"] = ["DECODE_ERROR"]
    world.upload("a.wav")
    world.upload("bad.wav")


def an_expired_url(world: World) -> None:
    world.vendor.file_outcomes["a.wav"] = ["FILE_403_FORBIDDEN", "ok"]
    world.upload("a.wav")


def a_text_file(world: World) -> None:
    world.upload("notes.txt")


def silent_audio(world: World) -> None:
    world.vendor.file_outcomes["a.wav"] = ["SUCCESS_WITH_NO_VALID_FRAGMENT"]
    world.upload("a.wav")


def no_api_key_at_first(world: World) -> None:
    world.key = None
    world.upload("a.wav")
    world.step()
    world.key = "sk-late"


def finalizers_during_queries(world: World) -> None:
    """A second task is queried while the files of the first one are finalized."""
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
    a_bad_file_in_a_task_of_two,
    an_expired_url,
    a_text_file,
    silent_audio,
    no_api_key_at_first,
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
def test_a_kill_at_any_side_effect_loses_no_upload_and_pays_no_submission_twice(
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
        terminal_events = world.bus.terminal_events_of(key)
        assert world.job_of(key).status is job.status
        assert terminal_events, f"no terminal event for {key}"
        assert {event.status for event in terminal_events} == {job.status}
        # Also after a kill between the POST and the write of its response: the task list shows that it was accepted.
        assert world.vendor.submissions_of(key) == undisturbed.vendor.submissions_of(key)
        statuses = [saved.status for saved in world.records.saves if saved.media.key == key]
        first_end = next(i for i, status in enumerate(statuses) if status in (Status.SUCCEEDED, Status.FAILED))
        assert set(statuses[first_end:]) == {job.status}, "a job left its terminal state"
    assert set(world.results.files) == set(undisturbed.results.files)


def test_a_kill_after_the_post_counts_as_ambiguous() -> None:
    world = World()
    number = side_effects(one_recording).index("POST") + 1
    world.crashes.kill_at(number, after=True)
    one_recording(world)
    world.run_until_quiet()
    assert sum(report.ambiguous for report in world.submit_reports) == 1
    assert world.vendor.submissions_of("a.wav") == 1


def test_a_kill_after_the_response_was_recorded_causes_no_second_submission() -> None:
    names = side_effects(one_recording)
    number = names.index("save task as IN_FLIGHT") + 1
    world = World()
    world.crashes.kill_at(number, after=True)
    one_recording(world)
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1
