"""The synchronous models: one call a file, with the same guarantees as a task.

The record is written before the call, and the response is stored before anything else is done with it. After a crash
the stored response is used: what was paid for is never requested again.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs.inline_audio import data_url, sends_inline, with_inline_audio
from dashscribe.domain.jobs.job import Job, Status
from dashscribe.domain.jobs.job_files import (
    job_files,
    job_result_folder,
    result_file,
    result_json,
    transcript_names,
    usage_of,
)
from dashscribe.domain.jobs.retry_policy import MAX_LOST_CALL_RESPONSES
from dashscribe.domain.jobs.timeouts import CALL_CLAIM_LASTS
from dashscribe.domain.jobs.transcript_warnings import TranscriptWarnings, find_transcript_warnings
from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.catalogue import Region
from dashscribe.domain.recognition.media import AUDIO_TOO_LONG, key_refusal, too_large_for, too_long_for
from dashscribe.domain.recognition.options import Options, find_dropped_model
from dashscribe.domain.recognition.stored_replies import remove_secrets
from dashscribe.domain.recognition.synchronous_replies import read_recognition, read_usage
from dashscribe.domain.recognition.task_replies import read_request_id
from dashscribe.domain.recognition.vendor_codes import is_format_refusal
from dashscribe.domain.transcripts.transcript import Transcript, empty, neutral
from dashscribe.errors import ErrorClass, MediaUnusable, ResponseLost, VendorError
from dashscribe.observability import logger
from dashscribe.services.messages import parse_requeued_job
from dashscribe.services.ports import (
    Clock,
    JobRecords,
    MediaStore,
    Message,
    PollLoop,
    RateLimiter,
    ResultStore,
    SynchronousSpeech,
)
from dashscribe.services.publish import publish_start
from dashscribe.services.rate_limits import submit_rate, submit_rate_key
from dashscribe.services.submission.given_vocabularies import GivenVocabularies
from dashscribe.services.submission.inbox import MessageInbox, find_requeued
from dashscribe.services.submission.job_recorder import JobRecorder
from dashscribe.services.submission.report import NOTHING, SubmitReport
from dashscribe.services.submission.submission_pause import SubmissionPause

MAX_CALL_SLOT_WAIT = timedelta(seconds=20)
"""A call waits at most this long for a slot: the function has only one file to do. Later ones join the backlog."""
_TOO_LARGE_FOR_A_CALL = frozenset(
    {AUDIO_TOO_LONG, "InvalidFile.AudioLengthError", "BadRequest.TooLarge", "FILE_TOO_LARGE", "TRANSCRIPT_CUT_OFF"}
)
"""Codes for a recording that an asynchronous model would accept."""


@dataclass(frozen=True)
class CallResult:
    """What a call returned: the response in its stored form, its transcript, and its warnings."""

    response: JsonObject
    transcript: Transcript
    warnings: TranscriptWarnings


@dataclass(frozen=True)
class SynchronousCaller:
    """Calls the model at its rate. `audio_length` returns the seconds of a recording, or None."""

    speech: SynchronousSpeech
    media: MediaStore
    rate_limiter: RateLimiter
    audio_length: Callable[[bytes], float | None]
    clock: Clock
    vocabularies: GivenVocabularies
    submit_requests_per_second: float = 0
    sleep: Callable[[float], None] = time.sleep

    def read(self, job: Job, options: Options) -> bytes:
        """The recording; empty if nothing needs its bytes, because it may be too large. Raises `MediaUnusable`."""
        if options.spec.max_duration_seconds is None and not sends_inline(job, options):
            self.media.head(job.media)
            return b""
        return self.media.read(job.media)

    def refusal(self, job: Job, options: Options, media: bytes) -> tuple[str, str] | None:
        """Code and message when the recording is too long for the model, or too large for a request."""
        too_long = too_long_for(self.audio_length(media), options.spec) if media else None
        return too_long or too_large_for(job.media, options.spec, is_inline=sends_inline(job, options))

    def wait_for_slot(self, options: Options) -> bool:
        """Wait for the model's next slot. False when it is too far away."""
        rate = submit_rate(options, self.submit_requests_per_second)
        wait = self.rate_limiter.reserve(submit_rate_key(options.model), rate, self.clock(), MAX_CALL_SLOT_WAIT)
        if wait is None:
            return False
        self.sleep(wait.total_seconds())
        return True

    def call(self, job: Job, options: Options, media: bytes) -> JsonObject:
        """Call the model, and return its response without secrets. Raises `VendorError`.

        The request contains a presigned URL of the recording, or the recording itself.
        """
        if sends_inline(job, options):
            audio = data_url(media, job.media.format, options.spec)
        else:
            audio = self.media.presign(job.media)
        response = self.speech.transcribe(options, audio, job.media.format)
        return remove_secrets(response, job.media)


@dataclass(frozen=True)
class TranscribeService:
    """One run handles the messages of the synchronous queue that Lambda delivers, usually one."""

    inbox: MessageInbox
    records: JobRecords
    recorder: JobRecorder
    pause: SubmissionPause
    caller: SynchronousCaller
    results: ResultStore
    loop: PollLoop
    clock: Clock
    results_bucket: str
    region: Region

    def run(self, messages: Sequence[Message]) -> SubmitReport:
        """Transcribe. The report names the messages that failed; only they return to the queue."""
        report = NOTHING
        for message in messages:
            processed = self.inbox.process(message, self._handle)
            report += processed.report + (processed.value or NOTHING)
        if report.changed_anything:
            self.loop.send_wake_up()
        return report

    def _handle(self, body: str) -> SubmitReport:
        job = find_requeued(parse_requeued_job(body), self.records)
        logger.append_keys(job_id=job.job_id)
        try:
            return self._transcribe(job)
        finally:
            logger.remove_keys(["job_id"])

    def _transcribe(self, job: Job) -> SubmitReport:
        options = job.options
        dropped = find_dropped_model(options)
        is_synchronous = options is not None and (dropped is not None or options.spec.is_synchronous)
        if not jobs.can_be_claimed(job, self.clock()) or options is None or not is_synchronous:
            logger.info("nothing to do", status=job.status)
            return NOTHING
        if job.status is Status.SUBMITTING:
            return self._resume(job)
        if dropped is not None:
            return self.recorder.fail(job, *dropped)
        try:
            media = self.caller.read(job, options)
        except MediaUnusable as error:
            return self.recorder.fail(job, error.code, str(error))
        refused = self.caller.refusal(job, options, media)
        if refused is not None:
            has_fallback = options.fallback is not None and key_refusal(job.media) is None
            return self._fall_back(job, *refused) if has_fallback else self.recorder.fail(job, *refused)
        admission = self.pause.admit({job.job_id: job})
        return admission.report + (self._call(job, options, media) if admission.admitted else NOTHING)

    def _resume(self, job: Job) -> SubmitReport:
        """The function died after its claim, or its response was lost. A response that it stored is used."""
        folder = job_result_folder(self.results_bucket, job)
        stored = self.results.find_json(folder.files.result)
        if stored is None:
            return self._lost(job)
        logger.warning("response found in the results bucket", job_id=job.job_id)
        return self._conclude(job, read_stored(stored, job), job.claimed_at or self.clock())

    def _lost(self, job: Job) -> SubmitReport:
        return self.recorder.record_lost_responses([job], MAX_LOST_CALL_RESPONSES) + SubmitReport(ambiguous=1)

    def _fall_back(self, job: Job, code: str, message: str = "") -> SubmitReport:
        logger.info("not for a synchronous model", error_code=code, reason=message)
        return self.recorder.record([job], lambda each: jobs.fall_back(each, code, self.clock()))

    def _call(self, job: Job, options: Options, media: bytes) -> SubmitReport:
        """Claim the job, call the model, store the response, and write the end."""
        try:
            self.caller.vocabularies.check(options)
        except VendorError as error:
            logger.warning("hotword list not usable", code=error.code, error_class=error.error_class)
            return self.pause.record_refusal([job], error)
        if not self.caller.wait_for_slot(options):
            return self.recorder.record([job], jobs.rate_limited)
        started = self.clock()
        claimed = self.records.save(jobs.claim(job, uuid.uuid4().hex, started, CALL_CLAIM_LASTS))
        try:
            response = self.caller.call(claimed, options, media)
            result = read_response(response, claimed)
        except VendorError as error:
            return self._refused(claimed, options, error, started)
        report = self._conclude(claimed, result, started)
        self.pause.end(options.model)
        return report

    def _refused(self, claimed: Job, options: Options, error: VendorError, started: datetime) -> SubmitReport:
        logger.warning(
            "call refused",
            code=error.code,
            error_class=error.error_class,
            reason=error.message,
            request_id=error.request_id,
        )
        if isinstance(error, ResponseLost):
            return self._lost(claimed)
        if error.error_class is ErrorClass.NO_SPEECH:
            note: JsonObject = {"code": error.code, "message": error.message, "request_id": error.request_id}
            return self._conclude(claimed, read_stored(note, claimed), started)
        is_for_fallback = error.code in _TOO_LARGE_FOR_A_CALL or is_format_refusal(error.code, error.message)
        if is_for_fallback and options.fallback is not None and key_refusal(claimed.media) is None:
            return self._fall_back(claimed, error.code, error.message)
        fits = too_large_for(claimed.media, options.spec, is_inline=True) is None
        if error.error_class is ErrorClass.URL_DIED and fits:
            logger.info("the vendor cannot download the recording; the next call contains it", code=error.code)
            claimed = with_inline_audio(claimed)
        return self.pause.record_refusal([claimed], error)

    def _conclude(self, job: Job, result: CallResult, started: datetime) -> SubmitReport:
        """Store the response before anything else is done with it, then the other files, and write the end."""
        now = self.clock()
        folder = job_result_folder(self.results_bucket, job)
        self.results.store([result_file(result_json(result.response, job), folder)])
        accepted = jobs.submitted(job, None, started, read_request_id(result.response))
        usage = read_usage(result.response)
        ended = jobs.succeed(
            accepted,
            folder,
            result.transcript.facts,
            usage_of(accepted, result.transcript, usage.billed_seconds, self.region, usage.tokens),
            result.warnings.codes,
            now,
            now,
            result.warnings.details,
        )
        self.results.store(job_files(result.transcript, ended))
        publish_start([accepted], self.recorder.publisher.events, self.clock)
        ended = self.records.save(ended)
        if not self.recorder.publisher.publish([ended]):
            self.loop.send_wake_up()
        logger.info("job ended", status=ended.status, request_id=ended.request_ids.latest)
        return SubmitReport(succeeded=[ended])


def read_response(response: JsonObject, job: Job) -> CallResult:
    """Read a response. Raises `VendorError` for one that is cut off or not understood: it must not be stored."""
    recognition = read_recognition(response)
    transcript = neutral(recognition, **transcript_names(job))
    return CallResult(response, transcript, find_transcript_warnings(job, transcript, recognition.odd_values.pointers))


def read_stored(stored: JsonObject, job: Job) -> CallResult:
    """Read a stored response. One with only a code and a message is our own note that there is no speech."""
    if set(stored) <= {"code", "message", "request_id"}:
        transcript = empty(**transcript_names(job))
        silence_code = str(stored.get("code"))
        return CallResult(stored, transcript, find_transcript_warnings(job, transcript, silence_code=silence_code))
    return read_response(stored, job)
