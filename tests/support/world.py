"""The real services in memory and in virtual time: every port is a fake, and a function can be killed at every call.

`World.step()` is one round: SQS delivers, the loop makes a pass, finalizers run, and time passes. `Kill`, raised before
or after a side effect, has the effect of SIGKILL: nothing after it happens, and nothing before it is undone.
`Crashes.interleave_at` runs another function, from its start to its end, after a read or before a side effect.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from dashscribe.builders import (
    PollQueues,
    PollTuning,
    SubmissionPorts,
    TablePorts,
    build_poll_service,
    build_submit_service,
    build_transcribe_service,
)
from dashscribe.domain.jobs.events import (
    Detail,
)
from dashscribe.domain.jobs.job import Job
from dashscribe.domain.jobs.pause import Pauses, start_pause
from dashscribe.domain.recognition.catalogue import Region
from dashscribe.domain.recognition.profiles import Profiles
from dashscribe.errors import (
    ErrorClass,
    VendorError,
)
from dashscribe.services.finalize import FinalizeReport, FinalizeService
from dashscribe.services.finalize_requests import FinalizeRequest
from dashscribe.services.polling.poll import PassReport, PollService
from dashscribe.services.ports import DeadLetter, Message
from dashscribe.services.publish import EndPublisher
from dashscribe.services.submission.report import SubmitReport
from dashscribe.services.submission.submit import SubmitService
from dashscribe.services.transcribe import TranscribeService
from dashscribe.settings import PollSettings, SubmitSettings, TranscribeSettings
from tests.support.caller import Caller
from tests.support.constants import ENVIRON, MEDIA_BUCKET, RESULTS_BUCKET, START
from tests.support.crashes import Crashes, Kill
from tests.support.records import Records
from tests.support.stores import Bus, MediaFake, Queue, Results
from tests.support.vendor import Vendor
from tests.support.vocabularies import VendorVocabularies, VocabularyRecordsFake


class World:
    """The services, their ports, the queues and the clock.

    `batch_size` is how many messages one delivery has (None: all). With `finalizes_during_next_pass`, finalizers run
    while the next pass polls, when the pass asks for that. `arrivals` are messages that come while a run waits for
    more.
    """

    def __init__(
        self,
        *,
        max_files_per_task: int = 100,
        profiles: str = '{"profiles": {}, "rules": []}',
        submit_environ: Mapping[str, str] | None = None,
    ) -> None:
        self.submit_environ = {**ENVIRON, "MAX_FILES_PER_TASK": str(max_files_per_task), **(submit_environ or {})}
        self.now = START
        self.crashes = Crashes()
        self.records = Records(self.crashes)
        self.media = MediaFake(self.crashes)
        self.vendor = Vendor(self.crashes, self.clock, self.api_key)
        self.vocabularies = VendorVocabularies(self.crashes, self.api_key)
        self.vocabulary_records = VocabularyRecordsFake(self.crashes)
        self.bus = Bus(self.crashes)
        self.results = Results(self.crashes)
        self.caller = Caller(self.crashes, self.api_key)
        self.audio_lengths: dict[str, float | None] = {}
        self.submit_queue = Queue(self.crashes, "requeue")
        self.queue = self.submit_queue.messages
        self.synchronous_queue = Queue(self.crashes, "send to synchronous queue")
        self.dead_lettered: list[tuple[str, str]] = []
        self.moved_by_sqs: list[str] = []
        self.hidden_letters: set[str] = set()
        self.wake_ups = 0
        self.key: str | None = "sk-test"
        self.profiles_document = profiles
        self.max_files_per_task = max_files_per_task
        self.uploads = 0
        self.batch_size: int | None = None
        self.invisible: set[int] = set()
        self.finalizes_during_next_pass = False
        self.being_finalized: list[FinalizeRequest] = []
        self.arrivals: list[str] = []
        self.submit_reports: list[SubmitReport] = []
        self.passes: list[PassReport] = []
        self.finalize_reports: list[FinalizeReport] = []
        self._checked_reports = (0, 0, 0)

    # ports without a class of their own

    def clock(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def api_key(self) -> str:
        if self.key is None:
            raise VendorError("API_KEY_MISSING", "The secret holds no key yet.", ErrorClass.ACCOUNT_WIDE)
        return self.key

    def profiles(self) -> Profiles:
        return Profiles.parse(self.profiles_document)

    def send(self, body: str, reason: str) -> None:
        self.crashes.around("dead-letter", lambda: self.dead_lettered.append((body, reason)))

    def receive(self) -> list[DeadLetter]:
        """Ten messages of the dead-letter queue: those that SQS moved there, and those with a reason."""
        letters = [DeadLetter("moved", body, str(id(body)), has_reason=False) for body in self.moved_by_sqs]
        letters += [DeadLetter("sent", body, str(id(body)), has_reason=True) for body, _ in self.dead_lettered]
        received = [letter for letter in letters if letter.receipt not in self.hidden_letters][:10]
        self.hidden_letters |= {letter.receipt for letter in received}
        return received

    def put_back(self, letter: DeadLetter) -> None:
        self.hidden_letters.discard(letter.receipt)

    def redrive(self, letter: DeadLetter) -> None:
        self.crashes.around("redrive", lambda: self.queue.append(letter.body))
        self.crashes.around("remove dead letter", lambda: self.moved_by_sqs.remove(letter.body))
        self.hidden_letters.discard(letter.receipt)

    def take(self, most: int, wait_seconds: int) -> list[Message]:
        """The messages that Lambda has not delivered. When there are none, a call that waits gets the `arrivals`."""
        waiting = [body for body in self.queue if id(body) not in self.invisible]
        if not waiting and wait_seconds:
            self.sleep(wait_seconds)
            self.queue += self.arrivals
            waiting, self.arrivals = self.arrivals, []
        taken = waiting[: min(most, 10)]
        self.invisible |= {id(body) for body in taken}
        return [Message(f"taken {id(body)}", body, str(id(body))) for body in taken]

    def done(self, message: Message) -> None:
        place = next(n for n, body in enumerate(self.queue) if str(id(body)) == message.receipt)
        self.crashes.around("delete message", lambda: self.queue.pop(place))

    def send_wake_up(self) -> None:
        self.wake_ups += 1

    # services

    def table(self) -> TablePorts:
        return TablePorts(self.records, self.records, self.records, self.records)

    def submission_ports(self) -> SubmissionPorts:
        return SubmissionPorts(
            table=self.table(),
            media=self.media,
            profiles=self,
            api_key=self.api_key,
            results=self.results,
            results_bucket=RESULTS_BUCKET,
            events=self.bus,
            dead_letter_queue=self,
            loop=self,
            clock=self.clock,
            sleep=self.sleep,
        )

    def transcribe_service(self) -> TranscribeService:
        def audio_length(media: bytes) -> float | None:
            return self.audio_lengths.get(media.decode())

        settings = TranscribeSettings.from_environ(ENVIRON)
        return build_transcribe_service(
            settings,
            self.submission_ports(),
            speech=self.caller,
            audio_length=audio_length,
            vocabularies=self.vocabularies,
        )

    def submit_service(self) -> SubmitService:
        settings = SubmitSettings.from_environ(self.submit_environ)
        return build_submit_service(
            settings,
            self.submission_ports(),
            speech=self.vendor,
            results=self.vendor,
            messages=self,
            synchronous_queue=self.synchronous_queue,
            vocabularies=self.vocabularies,
            vocabulary_records=self.vocabulary_records,
            texts=self.media,
            transcripts=self.results,
            concurrent_records=1,
        )

    def poll_service(self, workers: int = 1) -> PollService:
        settings = PollSettings.from_environ({**ENVIRON, "MAX_FILES_PER_TASK": str(self.max_files_per_task)})
        return build_poll_service(
            settings,
            self.table(),
            speech=lambda: self.vendor,
            queues=PollQueues(self.submit_queue, self),
            events=lambda: self.bus,
            clock=self.clock,
            tuning=PollTuning(workers, workers, self.sleep),
        )

    def finalize_service(self, workers: int = 1) -> FinalizeService:
        return FinalizeService(
            records=self.records,
            results=self.results,
            source=self.vendor,
            publisher=EndPublisher(self.records, self.results, self.bus, self.clock, RESULTS_BUCKET),
            clock=self.clock,
            results_bucket=RESULTS_BUCKET,
            region=Region.INTERNATIONAL,
            concurrent_files=workers,
        )

    # events from the outside

    def pause(self, reason: str = "Arrearage", model: str | None = None) -> None:
        """Submissions are paused, for the account or for one model."""
        self.records.pause_record = start_pause(self.records.pause_record, reason, "unpaid", self.now, model=model)

    def resume(self) -> None:
        """Every pause ends."""
        self.records.pause_record = Pauses()

    def upload(
        self,
        key: str,
        *,
        size: int = 1000,
        metadata: dict[str, str] | None = None,
        queued: bool = True,
        version_id: str | None = None,
    ) -> str:
        """Upload an object. Return its event, which is also queued unless `queued` is False."""
        self.uploads += 1
        self.media.objects[key] = metadata or {}
        version = {"etag": f"etag{self.uploads}", "sequencer": f"{self.uploads:08X}"}
        if version_id:
            version["version-id"] = version_id
        body = json.dumps(
            {
                "source": "aws.s3",
                "detail-type": "Object Created",
                "time": self.now.isoformat(),
                "detail": {
                    "bucket": {"name": MEDIA_BUCKET},
                    "object": {"key": key, "size": size, **version},
                },
            }
        )
        if queued:
            self.queue.append(body)
        return body

    def deliver(self, bodies: Sequence[str] | None = None) -> SubmitReport:
        """Deliver the queued messages, or these. Failed messages, and all messages after a kill, stay queued."""
        return self._deliver(self.submit_service().run, self.queue, bodies)

    def deliver_synchronous(self, bodies: Sequence[str] | None = None) -> SubmitReport:
        """The same for the queue of the synchronous models."""
        return self._deliver(self.transcribe_service().run, self.synchronous_queue.messages, bodies)

    def _deliver(
        self, run: Callable[[Sequence[Message]], SubmitReport], queue: list[str], bodies: Sequence[str] | None
    ) -> SubmitReport:
        batch = list(queue[: self.batch_size] if bodies is None else bodies)
        self.invisible = {id(body) for body in batch}
        try:
            report = run([Message(str(n), body) for n, body in enumerate(batch)])
        except Kill:
            return SubmitReport()
        done = [body for n, body in enumerate(batch) if str(n) not in report.failed_message_ids]
        for body in done:  # by identity: an equal message that was queued during the run is another message
            place = next((n for n, queued in enumerate(queue) if queued is body), None)
            if place is not None:
                del queue[place]
        self.submit_reports.append(report)
        return report

    def poll_pass(self, being_finalized: Sequence[FinalizeRequest] = ()) -> PassReport | None:
        """One pass without its finalizers; None when it was killed."""
        try:
            report = self.poll_service().run(being_finalized)
        except Kill:
            return None
        self.passes.append(report)
        return report

    def finalize(self, request: FinalizeRequest) -> FinalizeReport | None:
        """One finalizer; None when it was killed."""
        try:
            report = self.finalize_service().run(request.submission_id, request.job_ids)
        except Kill:
            return None
        self.finalize_reports.append(report)
        return report

    def loop_pass(self) -> PassReport | None:
        """One pass of the loop with its finalizers. A kill ends only the function in which it is raised."""
        being_finalized, self.being_finalized = self.being_finalized, []
        report = self.poll_pass(being_finalized)
        found = report.result.finalize if report else []
        if self.finalizes_during_next_pass and report and report.result.poll_meanwhile:
            self.being_finalized = found
        for request in being_finalized if self.being_finalized else [*being_finalized, *found]:
            self.finalize(request)
        return report

    def step(self) -> None:
        """One round. Time passes until the loop's next pass, or until its next scheduled start."""
        if self.queue:
            self.deliver()
        if self.synchronous_queue.messages:
            self.deliver_synchronous()
        report = self.loop_pass()
        self.now += timedelta(
            seconds=max(0.1, report.result.wait_seconds) if report and report.result.work_left else 60
        )

    def run_until_quiet(self, *, max_steps: int = 2000, faults: bool = False) -> None:
        """Run until every job is finished and no message is queued.

        Fails when a function reported a failure since the last call, unless the test injected `faults` that cause one.
        """
        for _ in range(max_steps):
            messages = self.queue + self.synchronous_queue.messages
            if not messages and all(
                job.is_finished or job_id in self.records.moved_aside for job_id, job in self.records.jobs.items()
            ):
                self.loop_pass()
                break
            self.step()
        else:
            unfinished = [
                (job.media.key, job.status, job.last_error_code)
                for job in self.records.jobs.values()
                if not job.is_finished
            ]
            raise AssertionError(f"not quiet after {max_steps} steps: {unfinished}, queue {self.queue[:3]}")
        failures = self._failures_since_last_check()
        assert faults or not failures, failures

    def _failures_since_last_check(self) -> list[str]:
        """What the functions reported as failed."""
        submits, passes, finalizers = self._checked_reports
        found: list[str] = []
        for submit in self.submit_reports[submits:]:
            found += [f"failed message {message_id}" for message_id in submit.failed_message_ids]
            found += ["broken batch"] * submit.broken_batches
        for report in self.passes[passes:]:
            found += ["failed step of a pass"] * report.failed_steps
        for finalizer in self.finalize_reports[finalizers:]:
            found += [f"unfinished job {job_id}" for job_id in finalizer.unfinished]
        self._checked_reports = (len(self.submit_reports), len(self.passes), len(self.finalize_reports))
        return found

    def text_of(self, detail: Detail) -> str:
        """The transcript that a terminal event names."""
        if detail.result is None:
            raise AssertionError(f"no transcript: {detail}")
        return self.results.files[detail.result.files["text"]].decode()

    def job_of(self, key: str) -> Job:
        return next(job for job in self.records.jobs.values() if job.media.key == key)


def accepted_tasks(world: World) -> dict[str, list[str]]:
    """The tasks that the vendor accepted, by the etag of the upload, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for task_id, task in world.vendor.tasks.items():
        for url in task.urls:
            found[world.media.signed_for[url].etag or ""].append(task_id)
    return found
