"""From a finished task to files, record and event: the end of every job that the vendor has seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from pydantic import ValidationError

from dashscribe.domain.jobs import job as jobs
from dashscribe.domain.jobs.file_decision import NextStep, decide
from dashscribe.domain.jobs.job import Job, Status, Usage
from dashscribe.domain.jobs.job_report import job_report
from dashscribe.domain.jobs.task import RESULTS_LIVE, Task
from dashscribe.domain.recognition.catalogue import Region
from dashscribe.domain.recognition.options import find_option_warnings
from dashscribe.domain.recognition.parameters import JsonObject
from dashscribe.domain.recognition.task_replies import ONE_OF_MANY_IN_RESULTS, FileOutcome, has_only_one_answered_file
from dashscribe.domain.transcripts.readable import cues, plain_text
from dashscribe.domain.transcripts.result_files import result_folder
from dashscribe.domain.transcripts.subtitles import srt, vtt
from dashscribe.domain.transcripts.transcript import Transcript, VendorResult, empty, neutral
from dashscribe.errors import DashscribeError, LargeResult, PublishFailed, ResultRefused, ResultUnavailable, StaleRecord
from dashscribe.observability import logger
from dashscribe.services.concurrency import map_concurrently
from dashscribe.services.messages import FILES_PER_FINALIZER
from dashscribe.services.ports import Clock, EventPublisher, JobStore, ResultFile, ResultSource, ResultStore, TaskStore
from dashscribe.services.publish import publish_end, publish_start


@dataclass
class FinalizeReport:
    """What one run did, to be counted. `unfinished` are left to the loop's next pass."""

    succeeded: list[Job] = field(default_factory=list)
    failed: list[Job] = field(default_factory=list)
    resubmitted: list[Job] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Batch:
    """What one run finishes: the task, unless these are jobs without one, and what came of its files.

    `small_only`: several are in memory at the same time, so a large result must wait.
    """

    task: Task | None
    outcomes: dict[str, FileOutcome]
    small_only: bool
    report: FinalizeReport = field(default_factory=FinalizeReport)


@dataclass(frozen=True)
class FinalizeService:
    """Finish some files of one task. Every step can be repeated: files have fixed keys and are never written over.

    They are finished side by side, those with a large result one after the other when the small ones are done.
    """

    store: JobStore
    tasks: TaskStore
    results: ResultStore
    source: ResultSource
    events: EventPublisher
    clock: Clock
    results_bucket: str
    region: Region
    files_at_once: int = FILES_PER_FINALIZER

    def run(self, submission_id: str | None, job_ids: list[str]) -> FinalizeReport:
        task = self.tasks.find_task(submission_id) if submission_id else None
        outcomes = self.tasks.find_outcomes(task.submission_id) if task else {}
        batch = _Batch(task, outcomes, small_only=self.files_at_once > 1 and len(job_ids) > 1)
        finished = map_concurrently(partial(self._finish_or_leave, batch), job_ids, self.files_at_once)
        large = [job_id for job_id, is_finished in zip(job_ids, finished, strict=True) if not is_finished]
        one_by_one = replace(batch, small_only=False)
        for job_id in large:
            self._finish_or_leave(one_by_one, job_id)
        return batch.report

    def _finish_or_leave(self, batch: _Batch, job_id: str) -> bool:
        """False when its result is too large to be handled beside others."""
        report = batch.report
        logger.thread_safe_append_keys(job_id=job_id)
        try:
            self._finish(batch, job_id)
        except LargeResult:
            return False
        except (ResultUnavailable, PublishFailed, StaleRecord) as error:
            logger.warning("left to the next pass", reason=str(error), kind=type(error).__name__)
            report.unfinished.append(job_id)
        except Exception:
            # One file's trouble must not keep its neighbours waiting; the task stays due and comes back.
            logger.exception("finalizing failed")
            report.unfinished.append(job_id)
        finally:
            logger.thread_safe_remove_keys(["job_id"])
        return True

    def _finish(self, batch: _Batch, job_id: str) -> None:
        task, report = batch.task, batch.report
        job = self.store.find(job_id)
        if job is None:
            raise DashscribeError(f"The job {job_id} is not in the table.")
        if job.is_finished:
            return
        if not job.is_terminal:
            if task is None or job.submission_id != task.submission_id or job_id not in batch.outcomes:
                logger.info("nothing to finalize", status=job.status)
                return
            if job.status is Status.SUBMITTING:
                job = self._caught_up(job, task)
            job = self.store.save(self._concluded(job, batch, len(task.job_ids)))
            if not job.is_terminal:
                report.resubmitted.append(job)
                logger.info("will be submitted again", error_code=job.last_error_code)
                return
        job = publish_end(job, self.store, self.events, self.clock)
        (report.failed if job.failure else report.succeeded).append(job)
        logger.info("job ended", status=job.status, code=job.failure.code if job.failure else None)

    def _caught_up(self, job: Job, task: Task) -> Job:
        """The task was over before the job's record said that it runs: whoever had to write that is slow, or dead."""
        accepted = jobs.submitted(job, task.task_id or "", task.accepted_at or self.clock())
        publish_start([accepted], self.events, self.clock)
        return self.store.save(accepted)  # at once: whoever tries again must not announce it again

    def _concluded(self, job: Job, batch: _Batch, files_in_task: int) -> Job:
        """The job's next record, after its files (if any) are stored."""
        outcome = batch.outcomes[job.job_id]
        decision = decide(job, outcome, files_in_task)
        completed_at = outcome.completed_at or self.clock()
        code = outcome.code or "UNKNOWN"
        if decision.failure is not None:
            return jobs.fail(job, decision.failure, self.clock(), completed_at)
        if decision.step in (NextStep.RESUBMIT, NextStep.RESUBMIT_SINGLY):
            error_code = ONE_OF_MANY_IN_RESULTS if has_only_one_answered_file(batch.outcomes, files_in_task) else code
            return jobs.resubmit(
                job, error_code, self.clock(), single_file_task=decision.step is NextStep.RESUBMIT_SINGLY
            )
        if decision.step is NextStep.STORE_EMPTY:
            reply: JsonObject = {"file_url": job.media.s3_uri, "code": code, "message": outcome.message}
            result = result_json(reply, job)
            transcript = empty(job_id=job.job_id, model=_model(job), media=job.media.s3_uri)
            return self._stored(job, outcome, result, transcript, [code])
        try:
            result, transcript = self._read(job, outcome.transcription_url or "", batch.small_only)
        except ResultRefused as error:
            return jobs.fail(job, jobs.failure(error.code, str(error)), self.clock(), completed_at)
        except ValidationError as error:
            raise ResultUnavailable(f"The result has an unknown shape: {error.error_count()} faults.") from error
        except ResultUnavailable as error:
            if self.clock() - completed_at < RESULTS_LIVE:
                raise
            return jobs.fail(job, jobs.failure("RESULT_UNAVAILABLE", str(error)), self.clock(), completed_at)
        return self._stored(job, outcome, result, transcript, find_option_warnings(job.options, transcript.duration_ms))

    def _read(self, job: Job, url: str, small_only: bool) -> tuple[bytes, Transcript]:
        """`result.json` and the transcript, one after the other: a reply's objects are several times its JSON."""
        reply = self.source.download(url, small_only=small_only)
        result = result_json(reply, job)
        vendor_result = VendorResult.model_validate(reply)
        del reply
        return result, neutral(vendor_result, job_id=job.job_id, model=_model(job), media=job.media.s3_uri)

    def _stored(
        self, job: Job, outcome: FileOutcome, result: bytes, transcript: Transcript, warnings: list[str]
    ) -> Job:
        location = result_folder(self.results_bucket, job.media.key, job.job_id)
        ended = jobs.succeed(
            job,
            location,
            transcript.facts,
            usage_of(job, transcript, outcome.billed_seconds, self.region),
            warnings,
            outcome.completed_at or self.clock(),
            self.clock(),
        )
        self.results.store(result_files(result, transcript, ended))
        return ended


def result_files(result: bytes, transcript: Transcript, job: Job) -> Iterator[ResultFile]:
    """The job's files, each made when its turn comes: together they are several times a long result's size.

    First of all the vendor's reply (`result`): it was paid for.
    """
    if job.result is None:
        raise ValueError("a job without a place for its results")
    files = job.result.files
    json_type, text_type = "application/json", "text/plain; charset=utf-8"
    yield ResultFile(files.result, result, json_type)
    yield ResultFile(files.transcript, transcript.model_dump_json().encode(), json_type)
    yield ResultFile(files.text, plain_text(transcript).encode(), text_type)
    subtitles = cues(transcript)
    yield ResultFile(files.srt, srt(subtitles).encode(), "application/x-subrip; charset=utf-8")
    yield ResultFile(files.vtt, vtt(subtitles).encode(), "text/vtt; charset=utf-8")
    yield ResultFile(files.job, job_report(job).model_dump_json(indent=2).encode(), json_type)


def result_json(reply: JsonObject, job: Job) -> bytes:
    """`result.json`. The address of the media that the vendor echoes is signed: ours takes its place."""
    kept = {**reply, "file_url": job.media.s3_uri} if "file_url" in reply else reply
    return json.dumps(kept, ensure_ascii=False).encode()


def _model(job: Job) -> str:
    return job.options.model if job.options else ""


def usage_of(job: Job, transcript: Transcript, said: int | None, region: Region) -> Usage:
    """What the vendor bills: as it `said` (in seconds), else the speech in each channel, in whole seconds.

    The latter is how Fun-ASR and Paraformer bill (docs/vendor-api.md#usage). No cost where only tokens are billed.
    """
    seconds = said
    if seconds is None and transcript.speech_ms is not None:
        seconds = sum(-(-(channel.speech_ms or 0) // 1000) for channel in transcript.channels)
    price = job.options.spec.price(region) if job.options else None
    cost = None if seconds is None or price is None else round(seconds * price, 8)
    return Usage(billed_seconds=seconds, estimated_cost_usd=cost)
