"""From an ended task to files, records and events: the end of every job that has a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from dashscribe.domain.jobs import delay as delays
from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs import retry_policy
from dashscribe.domain.jobs import task as tasks
from dashscribe.domain.jobs.failure import failure
from dashscribe.domain.jobs.file_decision import StoreSilence, StoreTranscript, decide
from dashscribe.domain.jobs.job import Job, Status
from dashscribe.domain.jobs.job_files import (
    job_files,
    job_result_folder,
    result_file,
    result_json,
    transcript_names,
    usage_of,
)
from dashscribe.domain.jobs.request_ids import ended_by
from dashscribe.domain.jobs.task import Task
from dashscribe.domain.jobs.transcript_warnings import TranscriptWarnings, find_transcript_warnings
from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.catalogue import Region
from dashscribe.domain.recognition.file_outcomes import ONE_OF_MANY_IN_RESULTS, FileOutcome, has_only_one_answered_file
from dashscribe.domain.recognition.received_results import DownloadedResult, as_received, has_transcripts
from dashscribe.domain.recognition.stored_replies import remove_secrets
from dashscribe.domain.transcripts.result_files import ResultFolder
from dashscribe.domain.transcripts.transcript import Transcript, empty, neutral
from dashscribe.domain.transcripts.vendor_result import VendorResult
from dashscribe.errors import (
    RESULT_UNREADABLE,
    DashscribeError,
    LargeResult,
    PublishFailed,
    RecordUnreadable,
    ResultRefused,
    ResultUnavailable,
    ResultUnreadable,
    StaleRecord,
)
from dashscribe.observability import logger
from dashscribe.redaction import redacted
from dashscribe.services.concurrency import map_in_groups
from dashscribe.services.delays import save_stalled
from dashscribe.services.finalize_requests import FILES_PER_FINALIZER
from dashscribe.services.ports import Batch, Clock, JobRecords, ResultSource, ResultStore
from dashscribe.services.publish import EndPublisher, publish_start

MAX_UNREADABLE_BYTES = 8 * 1024**2
"""How much is kept of a result that is no transcript. Redacting a text takes memory of up to 30 times its size."""
GATHER_EVENTS_SECONDS = 0.3
"""A file whose files are stored waits at most this long for others, so that their events share a call."""


@dataclass
class FinalizeReport:
    """What one run did. `unfinished` jobs are left to the next pass of the loop. The results of `not_downloaded` jobs
    could not be downloaded, or were no transcript. For `delayed` jobs `Transcription Delayed` was published."""

    succeeded: list[Job] = field(default_factory=list)
    failed: list[Job] = field(default_factory=list)
    resubmitted: list[Job] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    not_downloaded: list[str] = field(default_factory=list)
    delayed: list[Job] = field(default_factory=list)


@dataclass(frozen=True)
class _Run:
    """The files of one run. `small_only`: several results are in memory at once, so a large one must wait."""

    batch: Batch
    small_only: bool
    report: FinalizeReport = field(default_factory=FinalizeReport)


@dataclass(frozen=True)
class _Handled:
    """`ended`: the job is terminal, and its event is not published. `is_large`: it must be handled again, alone."""

    job_id: str
    ended: Job | None = None
    is_large: bool = False


@dataclass(frozen=True)
class FinalizeService:
    """Finalizes some files of one task. Every step can be repeated: keys are fixed and files are never overwritten.

    Small results are finalized concurrently, then the large ones one after the other.
    """

    records: JobRecords
    results: ResultStore
    source: ResultSource
    publisher: EndPublisher
    clock: Clock
    results_bucket: str
    region: Region
    concurrent_files: int = FILES_PER_FINALIZER

    def run(self, submission_id: str | None, job_ids: list[str]) -> FinalizeReport:
        """Finalize these jobs. Without a submission, publish the events of these jobs: terminal ones, or delays."""
        try:
            batch = self.records.find_batch(submission_id, job_ids)
        except RecordUnreadable as error:
            logger.error("nothing to finalize", reason=str(error))
            return FinalizeReport(unfinished=list(job_ids))
        run = _Run(batch, small_only=self.concurrent_files > 1 and len(job_ids) > 1)
        large: list[str] = []
        for group in map_in_groups(
            lambda job_id: self._conclude_or_leave(run, job_id), job_ids, self.concurrent_files, GATHER_EVENTS_SECONDS
        ):
            large += [handled.job_id for handled in group if handled.is_large]
            self._publish(group, run.report)
        if large:
            read_again = replace(batch, jobs=self.records.find_many(large))
            for job_id in large:
                alone = replace(run, batch=read_again, small_only=False)
                self._publish([self._conclude_or_leave(alone, job_id)], run.report)
        return run.report

    def _conclude_or_leave(self, run: _Run, job_id: str) -> _Handled:
        """An error affects this file only. The task stays due and comes back."""
        logger.thread_safe_append_keys(job_id=job_id)
        try:
            return _Handled(job_id, ended=self._conclude(run, job_id))
        except LargeResult:
            return _Handled(job_id, is_large=True)
        except (ResultUnavailable, PublishFailed, StaleRecord) as error:
            logger.warning("left to the next pass", reason=str(error), kind=type(error).__name__)
            run.report.unfinished.append(job_id)
        except Exception:
            logger.exception("finalizing failed")
            run.report.unfinished.append(job_id)
        finally:
            logger.thread_safe_remove_keys(["job_id"])
        return _Handled(job_id)

    def _publish(self, group: Sequence[_Handled], report: FinalizeReport) -> None:
        """Publish the terminal events of these jobs in one call. An event that is not accepted is left to the loop."""
        ended = [handled.ended for handled in group if handled.ended is not None]
        if not ended:
            return
        published: list[Job] = []
        try:
            published = self.publisher.publish(ended)
        except Exception:
            # The files are stored, and the records stay due. The files that are not handled yet continue.
            logger.exception("events not published")
        for job in published:
            (report.failed if job.failure else report.succeeded).append(job)
            logger.info(
                "job ended",
                job_id=job.job_id,
                status=job.status,
                code=job.failure.code if job.failure else None,
                request_id=job.request_ids.latest,
            )
        finished = {job.job_id for job in published}
        report.unfinished += [job.job_id for job in ended if job.job_id not in finished]

    def _conclude(self, run: _Run, job_id: str) -> Job | None:
        """The job when its end is recorded and its terminal event is to be published."""
        job = run.batch.jobs.get(job_id)
        if job is None:
            raise DashscribeError(f"The job {job_id} is not in the table, or its record cannot be read.")
        if job.is_finished:
            return None
        if run.batch.task is None and delays.is_delayed(job, self.clock()):
            self._report_delay(job, run.report)
            return None
        return job if job.is_terminal else self._end(job, run)

    def _report_delay(self, job: Job, report: FinalizeReport) -> None:
        """A crash before the record is written repeats the event."""
        now = self.clock()
        self.publisher.events.publish_delay(job, now)
        report.delayed.append(self.records.save(delays.reported(job, now)))
        logger.warning("job delayed", status=job.status, error_code=job.last_error_code)

    def _end(self, job: Job, run: _Run) -> Job | None:
        """Write the job's end after its files are stored. None when the job does not end with this task."""
        task, report = run.batch.task, run.report
        if task is None or job.submission_id != task.submission_id or job.job_id not in run.batch.outcomes:
            logger.info("nothing to finalize", status=job.status)
            return None
        if job.status is Status.SUBMITTING:
            job = self._catch_up(job, task)
        if job.result_retry_at is not None and job.result_retry_at > self.clock():
            report.unfinished.append(job.job_id)
            return None
        was_stalled = job.stalled_since is not None
        job = save_stalled(self.records, self._next_record(job, run, len(task.job_ids)), was_stalled=was_stalled)
        if job.status is Status.SUBMITTED:
            report.not_downloaded.append(job.job_id)
            report.unfinished.append(job.job_id)
            return None
        if not job.is_terminal:
            report.resubmitted.append(job)
            logger.info("will be submitted again", error_code=job.last_error_code)
            return None
        return job

    def _catch_up(self, job: Job, task: Task) -> Job:
        """The task ended before the submit function wrote that it runs: that function is slow, or dead.

        The record is written at once, so that a repeated run does not publish `Transcription Submitted` again.
        """
        accepted = jobs.submitted(job, task.task_id or "", task.accepted_at or self.clock(), task.request_id)
        publish_start([accepted], self.publisher.events, self.clock)
        return self.records.save(accepted)

    def _next_record(self, job: Job, run: _Run, files_in_task: int) -> Job:
        outcome, now = run.batch.outcomes[job.job_id], self.clock()
        job = jobs.scheduled(ended_by(job, outcome.request_id), outcome.scheduled_at)
        decision = decide(job, outcome, files_in_task, now)
        if isinstance(decision, StoreTranscript):
            return self._store_transcript(job, outcome, decision.url, run)
        if isinstance(decision, StoreSilence):
            return self._store_silence(job, outcome, decision.code)
        if decision.failure is not None:
            return jobs.fail(job, decision.failure, now, outcome.completed_at or now)
        one_of_many = has_only_one_answered_file(run.batch.outcomes, files_in_task)
        code = ONE_OF_MANY_IN_RESULTS if one_of_many else outcome.code or "UNKNOWN"
        return delays.after_change(jobs.apply_retry(job, decision, code, now), now)

    def _store_silence(self, job: Job, outcome: FileOutcome, code: str) -> Job:
        reply: JsonObject = {"file_url": job.media.s3_uri, "code": code, "message": outcome.message}
        self._store_result(job, result_json(reply, job))
        transcript = empty(**transcript_names(job))
        return self._stored(job, outcome, transcript, find_transcript_warnings(job, transcript, silence_code=code))

    def _store_transcript(self, job: Job, outcome: FileOutcome, url: str, run: _Run) -> Job:
        completed_at = outcome.completed_at or self.clock()
        try:
            result = self._download(job, url, run)
        except ResultRefused as error:
            return self._failed(job, error.code, str(error), completed_at)
        except ResultUnreadable as error:
            return self._after_unreadable(job, error, completed_at)
        except ResultUnavailable as error:
            now = self.clock()
            logger.warning("result not downloaded", reason=str(error))
            if retry_policy.may_download_again(completed_at, now):
                return delays.result_unavailable(job, now)
            return self._failed(job, delays.RESULT_UNAVAILABLE, str(error), completed_at)
        if result.is_unreadable:
            return self._failed(job, RESULT_UNREADABLE, self._unreadable("has no readable text", job), completed_at)
        transcript = neutral(result, **transcript_names(job))
        warnings = find_transcript_warnings(job, transcript, result.odd_values.pointers)
        return self._stored(job, outcome, transcript, warnings)

    def _after_unreadable(self, job: Job, error: ResultUnreadable, completed_at: datetime) -> Job:
        """Download the result again some times: the host may have sent an error page, or half of the file."""
        now = self.clock()
        logger.warning("result unreadable", error_code=error.code, reason=str(error))
        retry_at = retry_policy.unreadable_result_retry(job, now)
        if retry_at is not None:
            return delays.result_unreadable(job, error.code, retry_at, now)
        if error.received is None:
            return self._failed(job, error.code, str(error), completed_at)
        received = error.received[:MAX_UNREADABLE_BYTES].decode(errors="replace")
        self._store_result(job, redacted(received).encode())
        return self._failed(job, error.code, self._unreadable("is not a transcript", job), completed_at)

    def _failed(self, job: Job, code: str, message: str, completed_at: datetime) -> Job:
        return jobs.fail(job, failure(code, message), self.clock(), completed_at)

    def _unreadable(self, fault: str, job: Job) -> str:
        folder = self._folder(job)
        return (
            f"DashScope's result {fault}. It is stored as received in s3://{folder.bucket}/{folder.files.result}; "
            "upload the recording again to have it transcribed again."
        )

    def _folder(self, job: Job) -> ResultFolder:
        return job_result_folder(self.results_bucket, job)

    def _store_result(self, job: Job, result: bytes | bytearray) -> None:
        self.results.store([result_file(result, self._folder(job))])

    def _download(self, job: Job, url: str, run: _Run) -> VendorResult:
        """Download the result, and store it before it is understood: it is what was paid for.

        Raises `ResultUnreadable` for a document of another shape, and for the result of another file.
        """
        received = self.source.download(url, small_only=run.small_only)
        task = run.batch.task
        if task is not None and tasks.is_marked_for_another(task, job.job_id, received.get("file_url")):
            raise ResultUnreadable("The result names another file of the same task, so it was not stored.")
        if not has_transcripts(received):
            # A stored file is never overwritten, and the next download may be a transcript.
            raise ResultUnreadable("The result has no transcripts.", as_received(received))
        reply = remove_secrets(received, job.media)
        self._store_result(job, result_json(reply, job))
        if isinstance(reply, DownloadedResult):
            reply.received = b""  # up to 64 MiB that nothing needs any more
        return VendorResult.model_validate(reply, consume=True)

    def _stored(self, job: Job, outcome: FileOutcome, transcript: Transcript, warnings: TranscriptWarnings) -> Job:
        ended = jobs.succeed(
            job,
            self._folder(job),
            transcript.facts,
            usage_of(job, transcript, outcome.billed_seconds, self.region, outcome.tokens),
            warnings.codes,
            outcome.completed_at or self.clock(),
            self.clock(),
            warnings.details,
        )
        self.results.store(job_files(transcript, ended))
        return ended
