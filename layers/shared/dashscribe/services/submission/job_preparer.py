"""From a queue message to a job that is ready to be submitted: record it, check it, fix its options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs import pause as pauses
from dashscribe.domain.jobs.inline_audio import sends_inline
from dashscribe.domain.jobs.job import Job, Status
from dashscribe.domain.recognition.catalogue import Region
from dashscribe.domain.recognition.media import (
    Media,
    has_known_extension,
    is_ignored,
    key_refusal,
    refusal,
    too_large_for,
)
from dashscribe.domain.recognition.option_resolution import resolve_options
from dashscribe.domain.recognition.options import Options, find_dropped_model
from dashscribe.domain.recognition.watched_keys import WatchedKeys
from dashscribe.errors import InvalidOptions, MediaArchived, MediaUnusable, ProfilesUnreadable
from dashscribe.observability import logger
from dashscribe.services.messages import RequeuedJob
from dashscribe.services.ports import (
    Clock,
    JobQueue,
    JobRecords,
    MediaStore,
    ProfilesSource,
    TextSource,
    TranscriptFinder,
)
from dashscribe.services.submission.inbox import find_requeued
from dashscribe.services.submission.job_recorder import JobRecorder
from dashscribe.services.submission.report import NOTHING, SubmitReport
from dashscribe.services.submission.submission_pause import SubmissionPause
from dashscribe.services.upload_events import ObjectCreated, ObjectRestored, parse_message


@dataclass(frozen=True)
class Preparation:
    """A job that is `ready` to be submitted, or one whose `lost` response must be reconciled first, or neither."""

    ready: Job | None = None
    lost: Job | None = None
    report: SubmitReport = NOTHING


@dataclass(frozen=True)
class JobPreparer:
    """Prepares the job of one message. `results_bucket` is never read as a source of media."""

    records: JobRecords
    media: MediaStore
    profiles: ProfilesSource
    transcripts: TranscriptFinder
    recorder: JobRecorder
    pause: SubmissionPause
    synchronous_queue: JobQueue
    clock: Clock
    results_bucket: str
    default_model: str
    default_outputs: tuple[str, ...]
    region: Region
    texts: TextSource
    watched_keys: WatchedKeys
    has_workspace: bool = False
    asynchronous_models_only: bool = False

    def record(self, body: str) -> Job | None:
        """Record the upload of a message, or find the requeued job. Raises `MalformedMessage`.

        From then on the loop brings the job back, so its message is no longer needed. None for an object that is no
        recording.
        """
        message = parse_message(body)
        return find_requeued(message, self.records) if isinstance(message, RequeuedJob) else self._received(message)

    def prepare(self, job: Job) -> Preparation:
        """Check a recorded job, fix its options, and route it."""
        logger.append_keys(job_id=job.job_id)
        try:
            return self._prepare(job)
        finally:
            logger.remove_keys(["job_id"])

    def validate(self, job: Job) -> Preparation:
        """Check the file and fix the options. A job with a fault fails at once, before anything is paid."""
        refused = refusal(job.media) or find_dropped_model(job.options)
        if refused is not None:
            return self._failed(job, *refused)
        try:
            metadata = self.media.head(job.media)
            options = job.options or self._options(job.media, metadata)
        except MediaUnusable as error:
            return self._failed(job, error.code, str(error))
        except InvalidOptions as error:
            return self._failed(job, error.code, str(error))
        except ProfilesUnreadable as error:
            logger.error("profiles unreadable; submissions paused", reason=str(error))
            return Preparation(report=self.pause.start([job], pauses.PROFILES_UNREADABLE, str(error)))
        return self._routed(job if job.options else jobs.with_options(job, options), options)

    def _received(self, message: ObjectCreated) -> Job | None:
        """The job of an upload, recorded once. None for an object that is no recording, such as a folder marker."""
        if is_ignored(message.media, self.results_bucket) or self._is_text_object(message.media):
            return None
        if message.media.key not in self.watched_keys:
            logger.info("key not watched", key=message.media.key)
            return None
        if isinstance(message, ObjectRestored) and not self._waits_for_restore(message):
            logger.info("restored object left alone", job_id=message.archived_job_id)
            return None
        if message.is_copy and self._is_transcribed_copy(message):
            return None
        job = jobs.receive(message.job_id, message.media, message.time, self.clock())
        if self.records.create(job):
            return job
        return self.records.find(message.job_id) or job

    def _is_text_object(self, media: Media) -> bool:
        """Whether a profile names this object as its context or prompt."""
        if has_known_extension(media):
            return False
        try:
            return media.key in self.profiles.profiles().text_objects
        except ProfilesUnreadable:
            return False

    def _is_transcribed_copy(self, message: ObjectCreated) -> bool:
        """Whether an object was copied in place: the same bytes under the same key have a transcript with the same
        options. A copy that has a job already, because its bytes had no transcript then, keeps it.
        """
        if self.records.find(message.job_id) is not None:
            return False
        stored = list(self.transcripts.find_transcripts(message.media))
        if not stored:
            return False
        try:
            options = self._options(message.media, self.media.head(message.media, archived_too=True))
        except (MediaUnusable, InvalidOptions, ProfilesUnreadable):
            return False  # `validate` reports it
        effective = [options] if options.fallback is None else [options, options.with_fallback_model()]
        for transcript in stored:
            if transcript.options in effective:
                logger.info("copy in place left alone", job_id=message.job_id, transcribed_by=transcript.job_id)
                return True
        return False

    def _options(self, media: Media, metadata: Mapping[str, str]) -> Options:
        return resolve_options(
            media.key,
            metadata,
            self.profiles.profiles(),
            default_model=self.default_model,
            default_outputs=self.default_outputs,
            region=self.region,
            read_text=partial(self.texts.read_text, media.bucket),
            has_workspace=self.has_workspace,
        )

    def _waits_for_restore(self, message: ObjectRestored) -> bool:
        """Whether the upload failed because it was archived. Any other restored object may be transcribed already."""
        original = self.records.find(message.archived_job_id) if message.archived_job_id else None
        return original is not None and original.failure is not None and original.failure.code == MediaArchived.code

    def _prepare(self, job: Job) -> Preparation:
        if not jobs.can_be_claimed(job, self.clock()):
            logger.info("nothing to do", status=job.status)
            return Preparation()
        if job.options is not None and job.options.is_known and job.options.spec.is_synchronous:
            return self._handed_over(job, job.options)
        if job.status is Status.SUBMITTING:
            return Preparation(lost=job)
        return self.validate(job)

    def _routed(self, job: Job, options: Options) -> Preparation:
        """A job of an asynchronous model is ready. A synchronous model has its own queue, or its fallback model."""
        not_downloadable = key_refusal(job.media)
        if not options.spec.is_synchronous:
            return self._failed(job, *not_downloadable) if not_downloadable else Preparation(ready=job)
        refused = too_large_for(job.media, options.spec, is_inline=sends_inline(job, options))
        if refused is None:
            return self._handed_over(job, options)
        if options.fallback is None or not_downloadable:
            return self._failed(job, *refused)
        logger.info("too large for a synchronous model", model=options.model, fallback=options.fallback.model)
        fallback = options.with_fallback_model()
        dropped = find_dropped_model(fallback)
        return self._failed(job, *dropped) if dropped else Preparation(ready=jobs.with_options(job, fallback))

    def _handed_over(self, job: Job, options: Options) -> Preparation:
        """Send the job to the queue of the synchronous models, whose calls take long and must not delay this function.

        The record is written before the message is sent. After a crash in between, our own message is delivered again.
        """
        if self.asynchronous_models_only:
            reason = (
                f"Model {options.model!r} is synchronous, and this stack has AsynchronousModelsOnly=true; choose an "
                "asynchronous model such as 'fun-asr', or update the stack with AsynchronousModelsOnly=false."
            )
            return self._failed(job, "INVALID_OPTIONS", reason)
        handed_over = self.records.save(jobs.hand_over(job, self.clock()))
        self.synchronous_queue.requeue(job.job_id)
        return Preparation(report=SubmitReport(handed_over=[handed_over]))

    def _failed(self, job: Job, code: str, message: str) -> Preparation:
        return Preparation(report=self.recorder.fail(job, code, message))
