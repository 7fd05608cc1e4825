"""The synchronous models: one call a file, with the same guarantees as a task, and no task to ask about.

The record is written before the call, and the answer is stored before anything else is done with it: whoever finds the
record of a function that died looks there first, so that an answer that was paid for is never asked for again.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashscribe.domain.jobs import job as jobs
from dashscribe.domain.jobs.job import Job, Status
from dashscribe.domain.jobs.media import AUDIO_TOO_LONG, too_long_for
from dashscribe.domain.recognition.catalogue import Region
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.parameters import JsonObject
from dashscribe.domain.recognition.synchronous_replies import read_billed_seconds, read_recognition
from dashscribe.domain.transcripts.result_files import result_folder
from dashscribe.domain.transcripts.transcript import Transcript, empty, neutral
from dashscribe.errors import ErrorClass, MalformedMessage, MediaGone, PublishFailed, ResponseLost, VendorError
from dashscribe.observability import logger
from dashscribe.services.finalize import result_files, result_json, usage_of
from dashscribe.services.messages import RequeuedJob, parse_message
from dashscribe.services.ports import Clock, MediaStore, Message, PollLoop, RateLimiter, ResultStore, SynchronousSpeech
from dashscribe.services.publish import publish_end, publish_start
from dashscribe.services.rate_limits import submit_rate, submit_rate_key
from dashscribe.services.submission.waiting_room import SubmitReport, WaitingRoom

MAX_SLOT_WAIT = timedelta(seconds=20)
"""One file is all that this function has to do, so it may wait; beyond this the file waits in the table."""
NO_WORDS = "ASR_RESPONSE_HAVE_NO_WORDS"
"""The vendor's word for a recording in which nothing was understood (docs/vendor-api.md#file-error-codes)."""
_TOO_MUCH_FOR_IT = frozenset(
    {AUDIO_TOO_LONG, "InvalidFile.AudioLengthError", "BadRequest.TooLarge", "FILE_TOO_LARGE", "TRANSCRIPT_CUT_OFF"}
)
"""What the vendor says of a recording that an asynchronous model would take."""

_Reading = tuple[Transcript, list[str]]
"""A transcript and its warnings."""


@dataclass(frozen=True)
class TranscribeService:
    """One run handles some messages of the synchronous queue, usually one."""

    room: WaitingRoom
    rate_limiter: RateLimiter
    media: MediaStore
    speech: SynchronousSpeech
    results: ResultStore
    length_of: Callable[[bytes], float | None]
    loop: PollLoop
    clock: Clock
    results_bucket: str
    region: Region
    submit_requests_per_second: float = 0
    sleep: Callable[[float], None] = time.sleep

    def run(self, messages: Sequence[Message]) -> SubmitReport:
        """Transcribe. A message whose handling broke down is reported by id, and only that one."""
        report = SubmitReport()
        for message in messages:
            self.room.handled(message, lambda body: self._handle(body, report), report)
        if report.changed_anything:
            self.loop.send_wake_up()
        return report

    def _handle(self, body: str, report: SubmitReport) -> None:
        message = parse_message(body)
        if not isinstance(message, RequeuedJob):
            raise MalformedMessage("The message is an S3 event; the synchronous queue holds our own messages only.")
        job = self.room.job_of(message)
        logger.append_keys(job_id=job.job_id)
        try:
            options = job.options
            if not jobs.can_be_claimed(job, self.clock()) or options is None or not options.spec.is_synchronous:
                logger.info("nothing to do", status=job.status)
            elif job.status is Status.SUBMITTING:
                self._reconcile_lost_response(job, report)
            elif self._is_short_enough(job, options, report) and self.room.hold_while_paused({job.job_id: job}, report):
                self._call(job, options, report)
        finally:
            logger.remove_keys(["job_id"])

    def _reconcile_lost_response(self, job: Job, report: SubmitReport) -> None:
        """Whoever made the call died, or never heard back. What was stored before that is not asked for again."""
        stored = self.results.find_json(result_folder(self.results_bucket, job.media.key, job.job_id).files.result)
        if stored is not None:
            logger.warning("a call's answer was stored by a function that died", job_id=job.job_id)
            started = (job.claimed_until or self.clock()) - jobs.CALL_CLAIM_LASTS
            self._conclude(job, stored, _read(job, stored), started, report)
            return
        report.ambiguous += 1
        self._lost(job, report)

    def _lost(self, job: Job, report: SubmitReport) -> None:
        self.room.each([job], report, lambda each: jobs.response_lost(each, self.clock(), jobs.MAX_RESUBMISSIONS))

    def _is_short_enough(self, job: Job, options: Options, report: SubmitReport) -> bool:
        """Whether the model takes a recording of this length; if not, the job is already sent on, or failed."""
        try:
            refused = too_long_for(self.length_of(self.media.read(job.media)), options.spec)
        except MediaGone as error:
            self.room.fail(job, "MEDIA_GONE", str(error), report)
            return False
        if refused is None:
            return True
        if options.fallback is not None:
            self._fall_back(job, refused[0], report)
        else:
            self.room.fail(job, *refused, report)
        return False

    def _fall_back(self, job: Job, error_code: str, report: SubmitReport) -> None:
        logger.info("too much for a synchronous model", error_code=error_code)
        self.room.each([job], report, lambda each: jobs.fallen_back(each, error_code, self.clock()))

    def _call(self, job: Job, options: Options, report: SubmitReport) -> None:
        """Claim, call, store the answer, write down the end."""
        rate = submit_rate(options, self.submit_requests_per_second)
        wait = self.rate_limiter.reserve(submit_rate_key(options.model), rate, self.clock(), MAX_SLOT_WAIT)
        if wait is None:
            self.room.join_backlog([job], report)
            return
        self.sleep(wait.total_seconds())
        started = self.clock()
        claimed = self.room.store.save(jobs.claim(job, uuid.uuid4().hex, started, jobs.CALL_CLAIM_LASTS))
        try:
            file_url = self.media.presign(job.media)
            answer = _without(file_url, self.speech.transcribe(options, file_url, job.media.extension), job)
            heard = _heard(claimed, answer)  # raises for an answer that is not whole: it must not be stored
        except VendorError as error:
            self._refused(claimed, options, error, started, report)
            return
        self._conclude(claimed, answer, heard, started, report)
        self.room.resume()

    def _refused(
        self, claimed: Job, options: Options, error: VendorError, started: datetime, report: SubmitReport
    ) -> None:
        logger.warning("call refused", code=error.code, error_class=error.error_class, reason=error.message)
        if isinstance(error, ResponseLost):
            report.ambiguous += 1
            self._lost(claimed, report)
        elif error.error_class is ErrorClass.NO_SPEECH:
            note = {"code": error.code, "message": error.message}
            self._conclude(claimed, note, _silence(claimed, error.code), started, report)
        elif error.code in _TOO_MUCH_FOR_IT and options.fallback is not None:
            self._fall_back(claimed, error.code, report)
        else:
            self.room.refused([claimed], error, self.clock(), report)

    def _conclude(
        self, job: Job, answer: JsonObject, reading: _Reading, started: datetime, report: SubmitReport
    ) -> None:
        now = self.clock()
        accepted = jobs.submitted(job, None, started)
        transcript, warnings = reading
        ended = jobs.succeed(
            accepted,
            result_folder(self.results_bucket, job.media.key, job.job_id),
            transcript.facts,
            usage_of(accepted, transcript, read_billed_seconds(answer), self.region),
            warnings,
            now,
            now,
        )
        self.results.store(result_files(result_json(answer, ended), transcript, ended))
        publish_start([accepted], self.room.events, self.clock)
        ended = self.room.store.save(ended)
        report.succeeded.append(ended)
        try:
            publish_end(ended, self.room.store, self.room.events, self.clock)
        except PublishFailed:
            logger.exception("the event waits for the poll loop", job_id=job.job_id)
            self.loop.send_wake_up()
        logger.info("job ended", status=ended.status)


def _without(file_url: str, answer: JsonObject, job: Job) -> JsonObject:
    """The answer with the signed URL, should it be echoed, replaced by the object's address."""
    text, echoed, address = json.dumps(answer), json.dumps(file_url)[1:-1], json.dumps(job.media.s3_uri)[1:-1]
    kept: JsonObject = json.loads(text.replace(echoed, address)) if echoed in text else answer
    return kept


def _read(job: Job, stored: JsonObject) -> _Reading:
    """Of a stored answer, which may be our own note that nobody speaks."""
    return _silence(job, str(stored.get("code"))) if set(stored) <= {"code", "message"} else _heard(job, stored)


def _heard(job: Job, answer: JsonObject) -> _Reading:
    """Of a fresh answer. Raises for one that is not whole (`read_recognition`)."""
    transcript = neutral(read_recognition(answer), **_names(job))
    return transcript, [] if transcript.text else [NO_WORDS]


def _silence(job: Job, code: str) -> _Reading:
    return empty(**_names(job)), [code]


def _names(job: Job) -> dict[str, str]:
    return {"job_id": job.job_id, "model": job.options.model if job.options else "", "media": job.media.s3_uri}
