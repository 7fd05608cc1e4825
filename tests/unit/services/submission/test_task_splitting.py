"""A refused submission of several files is split; only a vendor that takes one file a task is remembered as such."""

from __future__ import annotations

from dashscribe.errors import ErrorClass, VendorError
from tests.support.world import World


def refused_batch(bad_file: bool) -> World:
    """Three files whose common submission is refused. With a bad file, that file is refused by itself too."""
    world = World()
    world.vendor.refusals = [VendorError("InvalidParameter", "bad url", ErrorClass.PERMANENT, 400)]
    for key in ("a.wav", "b.wav", "c.wav"):
        world.upload(key)
    world.deliver()
    if bad_file:
        world.vendor.refusals = [VendorError("InvalidParameter", "bad url", ErrorClass.PERMANENT, 400)]
    world.run_until_quiet()
    return world


def test_one_refused_file_of_a_batch_does_not_make_later_tasks_single_file_tasks() -> None:
    world = refused_batch(bad_file=True)
    assert len(world.vendor.tasks) == 2
    assert not world.records.takes_one_file_only("fun-asr", world.now)


def test_a_batch_whose_files_are_all_accepted_singly_shows_that_the_vendor_takes_one_file_a_task() -> None:
    world = refused_batch(bad_file=False)
    assert len(world.vendor.tasks) == 3
    assert world.records.takes_one_file_only("fun-asr", world.now)
