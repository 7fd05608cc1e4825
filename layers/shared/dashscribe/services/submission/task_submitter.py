"""Submitting one batch as one task: claim the jobs, record the POST, POST, record the response."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs import retry_policy
from dashscribe.domain.jobs import task as tasks
from dashscribe.domain.jobs.job import Job
from dashscribe.domain.jobs.request_ids import refused_by
from dashscribe.domain.jobs.task import Task
from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.file_outcomes import ONE_OF_MANY_IN_RESULTS
from dashscribe.domain.recognition.file_urls import find_url_mark
from dashscribe.domain.recognition.options import Options
from dashscribe.errors import ResponseLost, StaleRecord, VendorError
from dashscribe.observability import logger
from dashscribe.services.ports import Clock, JobRecords, MediaStore, RateLimiter, SpeechService, VendorFacts
from dashscribe.services.rate_limits import MAX_SLOT_WAIT, submit_rate, submit_rate_key
from dashscribe.services.submission.failed_runs import count_failed_run
from dashscribe.services.submission.job_recorder import JobRecorder
from dashscribe.services.submission.report import NOTHING, SubmitReport, total
from dashscribe.services.submission.submission_pause import SubmissionPause
from dashscribe.services.submission.vocabularies import RequestParameters, Vocabularies

ONE_FILE_ONLY_FOR = timedelta(hours=24)
"""How long it is remembered that a model takes one file a task, before several are tried again."""


@dataclass(frozen=True)
class TaskSubmitter:
    """Submits batches at the model's rate."""

    records: JobRecords
    facts: VendorFacts
    rate_limiter: RateLimiter
    media: MediaStore
    speech: SpeechService
    recorder: JobRecorder
    pause: SubmissionPause
    vocabularies: Vocabularies
    clock: Clock
    submit_requests_per_second: float = 0
    sleep: Callable[[float], None] = time.sleep

    def join_backlog(self, batch: list[Job]) -> SubmitReport:
        """The rate is used up: the loop releases these jobs when there are slots."""
        return self.recorder.record(batch, jobs.rate_limited)

    def prepare(self, batch: list[Job]) -> RequestParameters | SubmitReport:
        """Return the parameters of the batch's submission, or a report when there can be none now.

        A hotword list may have to be created first, which takes up to three requests.
        """
        try:
            return self.vocabularies.request_parameters(_options_of(batch))
        except VendorError as error:
            logger.warning(
                "hotword list not usable",
                code=error.code,
                error_class=error.error_class,
                reason=error.message,
                request_id=error.request_id,
                job_ids=[job.job_id for job in batch],
            )
            # One by one: the number of files is never the cause.
            return total(self.pause.record_refusal([job], error) for job in batch)

    def submit(self, batch: list[Job], request: RequestParameters) -> SubmitReport:
        """Submit the batch when its slot comes, or let it join the backlog when the slot is too far away.

        The jobs are claimed while the slot is waited for. Claims that were made after the wait would delay the POST.
        """
        options = _options_of(batch)
        rate = submit_rate(options, self.submit_requests_per_second)
        wait = self.rate_limiter.reserve(submit_rate_key(options.model), rate, self.clock(), MAX_SLOT_WAIT)
        if wait is None:
            return self.join_backlog(batch)
        slot_at = self.clock() + wait
        submission_id = uuid.uuid4().hex
        claimed, failures = self._claimed(batch, submission_id, request.vocabulary_id)
        parameters = request.parameters
        report = self._post(claimed, submission_id, options, parameters, slot_at) if claimed else NOTHING
        return report + SubmitReport(broken_batches=failures)

    def _claimed(self, batch: list[Job], submission_id: str, vocabulary_id: str | None) -> tuple[list[Job], int]:
        """The claimed jobs, and how many could not be written: these must not stop the others, and stay due."""
        claimed: list[Job] = []
        failures = 0
        for job in batch:
            try:
                claimed.append(
                    self.records.save(jobs.claim(job, submission_id, self.clock(), vocabulary_id=vocabulary_id))
                )
            except StaleRecord:
                logger.info("another process claimed this job", job_id=job.job_id)
            except Exception:
                logger.exception("job not claimed", job_id=job.job_id)
                count_failed_run(self.records, job.job_id)
                failures += 1
        return claimed, failures

    def _post(
        self, claimed: list[Job], submission_id: str, options: Options, parameters: JsonObject, slot_at: datetime
    ) -> SubmitReport:
        file_urls = [self.media.presign(job.media) for job in claimed]
        self.sleep(max(0.0, (slot_at - self.clock()).total_seconds()))
        task = self.records.save_task(
            tasks.open_task(
                submission_id,
                options.model,
                [job.job_id for job in claimed],
                self.clock(),
                [mark for url in file_urls if (mark := find_url_mark(url))],
            )
        )
        try:
            accepted = self.speech.submit(options.spec, file_urls, parameters)
        except VendorError as error:
            return self._refused(claimed, task, error)
        return self._accepted(claimed, task, *accepted)

    def _accepted(self, claimed: list[Job], task: Task, task_id: str, request_id: str | None) -> SubmitReport:
        now = self.clock()
        self.records.save_task(tasks.accepted(task, task_id, now, request_id))
        self.facts.remember_task_id(task_id, task.submission_id)
        logger.info("submitted", task_id=task_id, request_id=request_id, model=task.model, job_ids=task.job_ids)
        if self._shows_one_file_only(claimed[0]):
            logger.warning("the vendor takes one file a task", model=task.model, after=claimed[0].last_error_code)
            self.facts.remember_one_file_only(task.model, now + ONE_FILE_ONLY_FOR)
        self.pause.end(task.model)
        accepted = [jobs.submitted(job, task_id, task.posted_at, request_id) for job in claimed]
        return self.recorder.record_accepted(accepted)

    def _shows_one_file_only(self, accepted: Job) -> bool:
        """Whether the number of files was the cause of an earlier refusal.

        The vendor says so when it answered one file of a task. A refused submission says so only once every one of its
        files is accepted by itself: otherwise one bad file was the cause.
        """
        if accepted.last_error_code == ONE_OF_MANY_IN_RESULTS:
            return True
        split = accepted.split_from
        return split is not None and self.facts.count_single_acceptance(split.submission_id) >= split.files

    def _refused(self, claimed: list[Job], task: Task, error: VendorError) -> SubmitReport:
        logger.warning(
            "submission refused",
            code=error.code,
            error_class=error.error_class,
            http_status=error.http_status,
            reason=error.message,
            request_id=error.request_id,
            job_ids=task.job_ids,
        )
        now = self.clock()
        if isinstance(error, ResponseLost):
            self.records.save_task(tasks.response_lost(task, now))
            report = self.recorder.record(claimed, lambda job: jobs.await_reconciliation(job, now))
            return report + SubmitReport(ambiguous=len(claimed))
        delay = retry_policy.server_error_delay(error, claimed, now)
        if delay is None:
            self.records.save_task(tasks.closed(task, now))
            return self.pause.record_refusal(claimed, error)
        self.records.save_task(tasks.failed_by_server(task, now, error.code))
        return self.recorder.record(
            claimed,
            lambda job: jobs.await_reconciliation(
                refused_by(job, error.request_id), now, delay, error.code, is_failed_attempt=True
            ),
        )


def _options_of(batch: list[Job]) -> Options:
    options = batch[0].options
    if options is None:
        raise ValueError("a batch of jobs without options")
    return options
