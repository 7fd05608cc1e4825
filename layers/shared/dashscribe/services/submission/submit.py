"""From the submit queue to DashScope: record each upload once, check it, submit what belongs together as one task."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from dashscribe.domain.jobs import job as jobs
from dashscribe.domain.jobs import pause as pauses
from dashscribe.domain.jobs import task as tasks
from dashscribe.domain.jobs.job import Job, Status
from dashscribe.domain.jobs.media import is_ignored, refusal, size_class, too_large_for
from dashscribe.domain.jobs.task import Task, TaskPhase
from dashscribe.domain.recognition.catalogue import Region
from dashscribe.domain.recognition.options import resolve_options
from dashscribe.domain.recognition.task_replies import ONE_OF_MANY_IN_RESULTS, find_url_mark
from dashscribe.errors import (
    ErrorClass,
    InvalidOptions,
    MediaGone,
    ProfilesUnreadable,
    ResponseLost,
    StaleRecord,
    VendorError,
)
from dashscribe.observability import logger
from dashscribe.services.messages import RequeuedJob, is_requeued_job, parse_message
from dashscribe.services.ports import (
    Clock,
    JobQueue,
    MediaStore,
    Message,
    MessageSource,
    PollLoop,
    RateLimiter,
    ResultSource,
    SpeechService,
    TaskLimits,
    TaskStore,
)
from dashscribe.services.publish import publish_start
from dashscribe.services.rate_limits import QUERY_RATE_KEY, files_per_task, query_rate, submit_rate, submit_rate_key
from dashscribe.services.submission.reconcile import PostOutcome, Reconciliation, reconcile
from dashscribe.services.submission.waiting_room import SubmitReport, WaitingRoom, deferred_or_failed

MAX_SLOT_WAIT = timedelta(seconds=8)
"""A turn further away than this is not waited for inside the function: the files wait in the table."""
RUN_LASTS = timedelta(seconds=25)
"""After this a run submits no further batch: the last one may wait 8 s for its turn and 25 s for its answer, and the
function has 60 s in the template."""
RECONCILE_TIME = timedelta(seconds=12)
"""After this a run asks nothing more about lost answers: they can wait, the uploads beside them should not."""
GATHER_FOR = timedelta(seconds=1)
"""How long a run that finds much traffic waits for more of it, so that tasks are full."""
GATHER_AT_MOST = timedelta(seconds=8)
"""When a run takes no further messages, however many there are: its first ones have waited long enough."""
MUCH_TRAFFIC = 10
"""Messages of one run. With fewer nobody is waited for: a file that comes alone leaves at once."""
ONE_FILE_ONLY_FOR = timedelta(hours=24)
"""How long it is remembered that several files in one task did not work, before that is tried again."""
_ABOUT_THE_REQUEST = ("InvalidParameter", "BadRequest", "InvalidURL", "InvalidFile", "HTTP_4")
"""Refusals that may be about one file, or the number of files, of a submission: each file alone will tell."""
_ABOUT_SEVERAL_FILES = (*_ABOUT_THE_REQUEST, ONE_OF_MANY_IN_RESULTS)
"""Why a file is submitted alone; when it is then accepted, the number of files was the trouble."""


@dataclass(frozen=True)
class SubmitService:
    """One run handles one batch of queue messages. Safe to run with the same messages any number of times, at once."""

    room: WaitingRoom
    tasks: TaskStore
    limits: TaskLimits
    rate_limiter: RateLimiter
    media: MediaStore
    speech: SpeechService
    results: ResultSource
    messages: MessageSource
    synchronous_queue: JobQueue
    loop: PollLoop
    clock: Clock
    results_bucket: str
    default_model: str
    region: Region
    max_files_per_task: int
    submit_requests_per_second: float = 0
    query_requests_per_second: float = 20
    sleep: Callable[[float], None] = time.sleep

    def run(self, messages: Sequence[Message]) -> SubmitReport:
        """Record and submit. A message whose handling broke down is reported by id, and only that one."""
        started = self.clock()
        report = SubmitReport(reconcile_until=started + RECONCILE_TIME)
        ready = self._prepared_all(messages, report)
        handled = len(messages)
        while len(ready) < self.max_files_per_task and (more := self._more(handled, self.clock() - started)):
            handled += len(more)
            ready |= self._prepared_all(more, report)
        ready = self.room.hold_while_paused(ready, report)
        until = started + RUN_LASTS
        wake_up_sent = False
        batches = list(self._batches(ready.values()))
        for batch in batches:
            try:
                if self.clock() > until:
                    self.room.join_backlog(batch, report)
                else:
                    self._submit(batch, report)
            except Exception:
                # The jobs are in the table and stay due, so the loop brings them back; the other batches go on.
                logger.exception("batch failed", job_ids=[job.job_id for job in batch])
                report.broken_batches += 1
            if report.submitted and not wake_up_sent and batch is not batches[-1]:
                self.loop.send_wake_up()  # the first task may be over long before the last one is submitted
                wake_up_sent = True
        if report.changed_anything:
            self.loop.send_wake_up()
        return report

    # messages

    def _more(self, handled: int, elapsed: timedelta) -> list[Message]:
        """Further messages, so that tasks leave full when much arrives; what arrives alone is not kept waiting."""
        if self.max_files_per_task == 1 or elapsed > GATHER_AT_MOST:
            return []
        much_arrives = handled >= MUCH_TRAFFIC and elapsed < GATHER_FOR
        try:
            return self.messages.take(self.max_files_per_task, int(GATHER_FOR.total_seconds()) if much_arrives else 0)
        except Exception:
            logger.exception("no further messages can be had")  # what is here already goes on
            return []

    def _prepared_all(self, messages: Sequence[Message], report: SubmitReport) -> dict[str, Job]:
        """The jobs that are ready to be submitted, by id. New uploads first: they have no record yet."""
        ready: dict[str, Job] = {}

        def prepare(body: str) -> None:
            job = self._prepared(body, report)
            if job is not None:
                ready[job.job_id] = job

        for message in sorted(messages, key=lambda each: is_requeued_job(each.body)):
            if self.room.handled(message, prepare, report):
                self._delete(message)
        return ready

    def _delete(self, message: Message) -> None:
        """Lambda deletes what it handed over; what we took ourselves is ours to delete, once its job is recorded."""
        if message.receipt is None:
            return
        try:
            self.messages.done(message)
        except Exception:
            logger.exception("a message could not be deleted", message_id=message.message_id)  # it comes again: no harm

    def _prepared(self, body: str, report: SubmitReport) -> Job | None:
        """The job of a message, if it is now ready to be submitted."""
        message = parse_message(body)
        now = self.clock()
        if isinstance(message, RequeuedJob):
            job = self.room.job_of(message)
        else:
            if is_ignored(message.media, self.results_bucket):
                return None
            job = jobs.receive(message.job_id, message.media, message.time, now)
            if not self.room.store.create(job):
                job = self.room.store.find(message.job_id) or job
        logger.append_keys(job_id=job.job_id)
        try:
            return self._validated(job, now, report)
        finally:
            logger.remove_keys(["job_id"])

    def _validated(self, job: Job, now: datetime, report: SubmitReport) -> Job | None:
        if not jobs.can_be_claimed(job, now):
            logger.info("nothing to do", status=job.status)
            return None
        if job.options is not None and job.options.spec.is_synchronous:
            self._hand_over(job, report)
            return None
        if job.status is Status.SUBMITTING:
            revived = self._reconcile_lost_response(job, report)
            if revived is None:
                return None
            job = revived
        refused = refusal(job.media)
        if refused is not None:
            self.room.fail(job, *refused, report)
            return None
        try:
            metadata = self.media.head(job.media)
            if job.options is None:
                job = jobs.with_options(
                    job,
                    resolve_options(
                        job.media.key,
                        metadata,
                        self.room.profiles.profiles(),
                        default_model=self.default_model,
                        region=self.region,
                    ),
                )
        except MediaGone as error:
            self.room.fail(job, "MEDIA_GONE", str(error), report)
            return None
        except InvalidOptions as error:
            self.room.fail(job, error.code, str(error), report)
            return None
        except ProfilesUnreadable as error:
            logger.error("profiles unreadable: uploads wait", reason=str(error))
            self.room.park([job], pauses.PROFILES_UNREADABLE, str(error), report)
            return None
        return self._sent_its_way(job, report)

    def _sent_its_way(self, job: Job, report: SubmitReport) -> Job | None:
        """By the model that was chosen: a task here, a call elsewhere, or its fallback if it is too large for that."""
        options = job.options
        if options is None or not options.spec.is_synchronous:
            return job
        refused = too_large_for(job.media, options.spec)
        if refused is None:
            self._hand_over(job, report)
            return None
        if options.fallback is None:
            self.room.fail(job, *refused, report)
            return None
        logger.info("too large for a synchronous model", model=options.model, fallback=options.fallback.model)
        return jobs.with_options(job, options.with_fallback_model())

    def _hand_over(self, job: Job, report: SubmitReport) -> None:
        """A call that takes its time is made by another function, from a queue of its own: nobody waits for it here.

        Record first, message second: a crash in between brings the message that we handle here back.
        """
        report.handed_over.append(self.room.store.save(jobs.handed_over(job, self.clock())))
        self.synchronous_queue.requeue(job.job_id)

    def _reconcile_lost_response(self, job: Job, report: SubmitReport) -> Job | None:
        """Whoever submitted this job died, or never heard back. The job if it is to be submitted (again) now."""
        task = self.tasks.find_task(job.submission_id or "")
        if task is None or task.phase is TaskPhase.CLOSED:
            return job  # it died before the POST, or after an answer that refused it
        if task.task_id is not None:
            self._adopt(job, task.task_id, task.accepted_at or self.clock(), report)
            return None
        if job.last_error_code != "RESPONSE_LOST":
            report.ambiguous += 1
            logger.warning("a submission died between its POST and the answer", submission_id=task.submission_id)
        found = report.reconciliations.get(task.submission_id) or self._reconciliation(task, report)
        report.reconciliations[task.submission_id] = found
        now = self.clock()
        if found.task_id is not None:
            self.tasks.save_task(tasks.accepted(task, found.task_id, now))
            self.tasks.remember_task_id(found.task_id)
            self._adopt(job, found.task_id, now, report)
            return None
        if found.outcome is PostOutcome.NOT_ACCEPTED and now - task.posted_at < jobs.LIST_COMPLETE_AFTER:
            report.waiting.append(self.room.store.save(jobs.await_reconciliation(job, now)))
            return None
        if found.outcome is PostOutcome.NOT_ACCEPTED and now - task.posted_at < jobs.TASK_LIST_WINDOW:
            # Like any other refusal: later again, and not for ever.
            not_accepted = ResponseLost("The connection to DashScope broke before it accepted the submission.")
            self.room.each([job], report, lambda each: deferred_or_failed(each, not_accepted, now))
            return None
        if found.outcome is PostOutcome.PENDING and now - task.posted_at < jobs.RECONCILE_WITHIN:
            report.waiting.append(self.room.store.save(jobs.await_reconciliation(job, now)))
            return None
        self.room.each([job], report, lambda each: jobs.response_lost(each, now))
        return None

    def _reconciliation(self, task: Task, report: SubmitReport) -> Reconciliation:
        def may_query() -> bool:
            in_time = report.reconcile_until is None or self.clock() <= report.reconcile_until
            return in_time and self._reserve_query_slot()

        media = [other.media for other in self.room.store.find_many(task.job_ids).values()]
        found = reconcile(task, media, self.tasks, self.speech, self.results, may_query)
        logger.info("a lost answer is looked into", outcome=found.outcome, task_id=found.task_id, job_ids=task.job_ids)
        return found

    def _reserve_query_slot(self) -> bool:
        """The loop and this function share the account's rate of questions. False when our turn is too far away."""
        rate = query_rate(self.query_requests_per_second)
        wait = self.rate_limiter.reserve(QUERY_RATE_KEY, rate, self.clock(), MAX_SLOT_WAIT)
        if wait is None:
            return False
        self.sleep(wait.total_seconds())
        return True

    def _adopt(self, job: Job, task_id: str, accepted_at: datetime, report: SubmitReport) -> None:
        accepted = jobs.submitted(job, task_id, accepted_at)
        publish_start([accepted], self.room.events, self.clock)
        report.submitted.append(self.room.store.save(accepted))
        logger.warning("a submission whose answer was lost had been accepted", task_id=task_id)

    # batches

    def _batches(self, ready: Iterable[Job]) -> Iterable[list[Job]]:
        """Files with the same model and options and of like size, in tasks as large as model and stack allow.

        Two versions of one object whose URLs look alike never share a task: its results could not be told apart.
        """

        def kind(job: Job) -> str:
            options = job.options
            asked = [options.model, options.family, options.parameters] if options else None
            return json.dumps([asked, size_class(job.media)], sort_keys=True)

        for _, group in groupby(sorted(ready, key=kind), key=kind):
            files = list(group)
            most = self._files_per_task(files[0]) if len(files) > 1 else 1
            open_batches: list[list[Job]] = []
            for job in files:
                home = next((batch for batch in open_batches if len(batch) < most and _fits(job, batch)), None)
                if home is None:
                    open_batches.append([job])
                else:
                    home.append(job)
            yield from open_batches

    def _files_per_task(self, job: Job) -> int:
        return files_per_task(job.options, self.max_files_per_task, self.limits, self.clock()) if job.options else 1

    def _submit(self, batch: list[Job], report: SubmitReport) -> None:
        """Claim, write down that a POST follows, POST, write down its answer.

        The claims are made while the turn is waited for: done after it, they would make the POST late, and close to
        somebody else's.
        """
        options = batch[0].options
        if options is None:
            raise ValueError("a batch of jobs without options")
        spec = options.spec
        rate = submit_rate(options, self.submit_requests_per_second)
        wait = self.rate_limiter.reserve(submit_rate_key(spec.name), rate, self.clock(), MAX_SLOT_WAIT)
        if wait is None:
            self.room.join_backlog(batch, report)
            return
        turn_at = self.clock() + wait

        submission_id = uuid.uuid4().hex
        claimed: list[Job] = []
        for job in batch:
            try:
                claimed.append(self.room.store.save(jobs.claim(job, submission_id, self.clock())))
            except StaleRecord:
                logger.info("somebody else claimed this job", job_id=job.job_id)
        if not claimed:
            return
        file_urls = [self.media.presign(job.media) for job in claimed]
        self.sleep(max(0.0, (turn_at - self.clock()).total_seconds()))
        task = self.tasks.save_task(
            tasks.open_task(
                submission_id,
                spec.name,
                [job.job_id for job in claimed],
                max(job.media.size_bytes for job in claimed),
                self.clock(),
                [mark for url in file_urls if (mark := find_url_mark(url))],
            )
        )
        try:
            task_id = self.speech.submit(spec, file_urls, options.parameters)
        except VendorError as error:
            self._refused(claimed, task, error, report)
            return
        now = self.clock()
        self.tasks.save_task(tasks.accepted(task, task_id, now))
        self.tasks.remember_task_id(task_id)
        logger.info("submitted", task_id=task_id, model=spec.name, job_ids=task.job_ids)
        if claimed[0].single_file_task and (claimed[0].last_error_code or "").startswith(_ABOUT_SEVERAL_FILES):
            logger.warning("this server takes one file a task", model=spec.name, after=claimed[0].last_error_code)
            self.limits.remember_one_file_only(spec.name, now + ONE_FILE_ONLY_FOR)
        self.room.resume()
        accepted = [jobs.submitted(job, task_id, now) for job in claimed]
        publish_start(accepted, self.room.events, self.clock)
        self.room.each(accepted, report, lambda job: job)

    def _refused(self, claimed: list[Job], task: Task, error: VendorError, report: SubmitReport) -> None:
        now = self.clock()
        logger.warning(
            "submission refused",
            code=error.code,
            error_class=error.error_class,
            http_status=error.http_status,
            reason=error.message,
            job_ids=task.job_ids,
        )
        if isinstance(error, ResponseLost):
            report.ambiguous += len(claimed)
            self.room.each(claimed, report, lambda job: jobs.await_reconciliation(job, now))
            return
        self.tasks.save_task(tasks.closed(task, now))
        about_one_of_them = error.error_class not in (ErrorClass.ACCOUNT_WIDE, ErrorClass.THROTTLED)
        if about_one_of_them and len(claimed) > 1 and error.code.startswith(_ABOUT_THE_REQUEST):
            self.room.each(claimed, report, lambda job: jobs.resubmit(job, error.code, now, single_file_task=True))
        else:
            self.room.refused(claimed, error, now, report)


def _fits(job: Job, batch: list[Job]) -> bool:
    def name(each: Job) -> tuple[str, str, str | None]:
        return each.media.bucket, each.media.key, each.media.version_id

    return (
        not job.single_file_task and not batch[0].single_file_task and all(name(other) != name(job) for other in batch)
    )
