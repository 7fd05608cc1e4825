"""Recording the uploads that messages are about. From then on the loop brings the job back, and the message is no
longer needed."""

from __future__ import annotations

from dataclasses import dataclass

from dashscribe.domain.jobs import job as jobs
from dashscribe.domain.jobs.job import Job
from dashscribe.domain.recognition.media import is_ignored
from dashscribe.errors import MalformedMessage, MediaArchived
from dashscribe.observability import logger
from dashscribe.services.messages import ObjectCreated, ObjectRestored, RequeuedJob, parse_message
from dashscribe.services.ports import Clock, JobRecords


@dataclass(frozen=True)
class UploadRecorder:
    """Writes one job for each upload. `results_bucket` is never read as a source of media."""

    records: JobRecords
    clock: Clock
    results_bucket: str

    def record(self, body: str) -> Job | None:
        """Record the upload of a message, or find the requeued job. None for an object that is no recording, such as a
        folder marker. Raises `MalformedMessage`."""
        message = parse_message(body)
        return find_requeued(message, self.records) if isinstance(message, RequeuedJob) else self._received(message)

    def _received(self, message: ObjectCreated) -> Job | None:
        """The job of an upload, recorded once."""
        if is_ignored(message.media, self.results_bucket):
            return None
        if isinstance(message, ObjectRestored) and not self._waits_for_restore(message):
            logger.info("restored object left alone", job_id=message.archived_job_id)
            return None
        job = jobs.receive(message.job_id, message.media, message.time, self.clock())
        if self.records.create(job):
            return job
        return self.records.find(message.job_id) or job

    def _waits_for_restore(self, message: ObjectRestored) -> bool:
        """Whether the upload failed because it was archived. Any other restored object may be transcribed already."""
        original = self.records.find(message.archived_job_id) if message.archived_job_id else None
        return original is not None and original.failure is not None and original.failure.code == MediaArchived.code


def find_requeued(message: RequeuedJob, records: JobRecords) -> Job:
    """The job that a requeue message names. Raises `MalformedMessage` when it does not exist."""
    job = records.find(message.job_id)
    if job is None:
        raise MalformedMessage(f"The message names the job {message.job_id!r}, which does not exist.")
    return job
