"""Several files of a task are finalized concurrently, and an error affects one file only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import Barrier, Event

import pytest

from dashscribe.domain.jobs.job import Job, Status
from dashscribe.domain.json_object import JsonObject
from dashscribe.services.polling.poll import PassReport
from tests.conftest import LogLines
from tests.support.constants import SUBMITTED, SUCCEEDED
from tests.support.world import World


def completed(report: PassReport | None) -> PassReport:
    assert report is not None
    return report


@pytest.fixture
def ended() -> World:
    """A task of five files has ended."""
    world = World()
    for number in range(5):
        world.upload(f"{number}.wav")
    world.deliver()
    world.now += timedelta(seconds=5)
    return world


def test_a_large_result_is_finalized_after_the_small_ones(ended: World) -> None:
    [request] = completed(ended.poll_pass()).result.finalize[:1]
    whole = request.model_copy(update={"job_ids": list(ended.records.jobs)})
    large = ended.job_of("1.wav")
    ended.vendor.large_results = {
        url for url, result in ended.vendor.results.items() if "/1.wav" in str(result["file_url"])
    }
    assert len(ended.vendor.large_results) == 1
    report = ended.finalize_service(workers=5).run(whole.submission_id, whole.job_ids)
    assert (len(report.succeeded), report.unfinished) == (5, [])
    assert report.succeeded[-1].job_id == large.job_id


def test_a_failed_download_does_not_delay_the_other_files(ended: World) -> None:
    request = completed(ended.poll_pass()).result.finalize[0]
    ended.vendor.downloads_to_fail = 1
    report = ended.finalize_service(workers=5).run(request.submission_id, list(ended.records.jobs))
    assert (len(report.succeeded), len(report.unfinished)) == (4, 1)
    assert report.unfinished == report.not_downloaded


def test_a_result_whose_next_download_is_later_is_left_to_the_next_pass(ended: World) -> None:
    request = completed(ended.poll_pass()).result.finalize[0]
    waiting = ended.job_of("1.wav")
    retry_at = ended.now + timedelta(minutes=5)
    ended.records.jobs[waiting.job_id] = waiting.model_copy(update={"result_retry_at": retry_at})
    report = ended.finalize_service().run(request.submission_id, [waiting.job_id])
    assert (report.succeeded, report.unfinished) == ([], [waiting.job_id])
    ended.now = retry_at
    report = ended.finalize_service().run(request.submission_id, [waiting.job_id])
    assert (len(report.succeeded), report.unfinished) == (1, [])


def test_a_slow_download_does_not_delay_the_events_of_the_other_files(
    ended: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    others_are_published, download = Event(), ended.vendor.download

    def download_slowly(url: str, *, small_only: bool = False) -> JsonObject:
        is_slow = "/1.wav" in str(ended.vendor.results[url]["file_url"])
        assert not is_slow or others_are_published.wait(timeout=10), "the other events wait for the slow file"
        return download(url, small_only=small_only)

    def publish(jobs: Sequence[Job], now: datetime) -> None:
        real(jobs, now)
        if len({key for call in ended.bus.calls[1:] for key in call}) >= 4:
            others_are_published.set()

    real = ended.bus.publish
    request = completed(ended.poll_pass()).result.finalize[0]
    monkeypatch.setattr(ended.vendor, "download", download_slowly)
    monkeypatch.setattr(ended.bus, "publish", publish)
    report = ended.finalize_service(workers=5).run(request.submission_id, list(ended.records.jobs))
    assert (len(report.succeeded), report.unfinished) == (5, [])
    assert ended.bus.calls[-1] == ["1.wav"]


def test_a_job_whose_record_is_missing_does_not_stop_the_others(ended: World) -> None:
    request = completed(ended.poll_pass()).result.finalize[0]
    report = ended.finalize_service().run(request.submission_id, ["gone", *ended.records.jobs])
    assert (len(report.succeeded), report.unfinished) == (5, ["gone"])


def test_a_large_file_of_a_submission_that_was_not_recorded_is_announced_once(ended: World) -> None:
    """Its record is written before its result is found to be too large, and again afterwards."""
    request = completed(ended.poll_pass()).result.finalize[0]
    for job_id, job in ended.records.jobs.items():
        ended.records.jobs[job_id] = job.model_copy(update={"status": Status.SUBMITTING, "attempts": 0})
    ended.bus.events.clear()
    ended.vendor.large_results = set(ended.vendor.results)
    report = ended.finalize_service(workers=5).run(request.submission_id, list(ended.records.jobs))
    assert (len(report.succeeded), report.unfinished) == (5, [])
    assert [ended.bus.events_of(f"{number}.wav") for number in range(5)] == [[SUBMITTED, SUCCEEDED]] * 5


def test_each_log_line_names_its_own_job(ended: World, log_lines: LogLines, monkeypatch: pytest.MonkeyPatch) -> None:
    all_downloads, download = Barrier(5, timeout=10), ended.vendor.download

    def download_concurrently(url: str, *, small_only: bool = False) -> JsonObject:
        all_downloads.wait()
        return download(url, small_only=small_only)

    monkeypatch.setattr(ended.vendor, "download", download_concurrently)
    request = completed(ended.poll_pass()).result.finalize[0]
    ended.finalize_service(workers=5).run(request.submission_id, list(ended.records.jobs))
    job_ids = [line["job_id"] for line in log_lines() if line["message"] == "job ended"]
    assert sorted(job_ids) == sorted(ended.records.jobs)


def test_a_task_with_an_expired_result_url_is_queried_again_and_not_submitted_again() -> None:
    world = World()
    world.vendor.downloads_to_fail = 2
    world.upload("a.wav")
    world.run_until_quiet(faults=True)
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]
    assert world.vendor.submissions_of("a.wav") == 1


@pytest.mark.parametrize(
    ("speech_ms", "seconds", "usd"),
    [
        ([900, 1100], 3, 0.000105),
        ([1000], 1, 0.000035),
        ([1], 1, 0.000035),
        ([0, 0], 0, 0.0),
        ([2001, None], None, None),
    ],
)
def test_the_speech_of_each_channel_is_billed_in_whole_seconds(
    speech_ms: list[int | None], seconds: int | None, usd: float | None
) -> None:
    world = World()

    def download(url: str, *, small_only: bool = False) -> JsonObject:
        tracks: list[JsonObject] = [
            {"channel_id": number, "content_duration_in_milliseconds": each, "text": "said", "sentences": []}
            for number, each in enumerate(speech_ms)
        ]
        return {"file_url": url, "transcripts": tracks}

    world.vendor.download = download  # type: ignore[method-assign]  # the same for every file
    world.upload("a.wav")
    world.run_until_quiet()
    [end] = world.bus.terminal_events_of("a.wav")
    assert end.usage is not None
    assert (end.usage.billed_seconds, end.usage.estimated_cost_usd) == (seconds, usd)
