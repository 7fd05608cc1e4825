"""The vendor's ids of the requests about one file. The vendor's support finds a request by its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from dashscribe.domain.jobs.job import Job


class RequestIds(BaseModel):
    """The ids of the last requests about a file. An id is null if there was no such request, or no readable id."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    submission: str | None = Field(default=None, description="the submission or the synchronous call")
    query: str | None = Field(default=None, description="the query that found the end of the task")
    error: str | None = Field(default=None, description="the last request that the vendor refused")

    @property
    def latest(self) -> str | None:
        """The id of the last of these requests. A new submission removes the others, so an error is the last one."""
        return self.error or self.query or self.submission


def refused_by(job: Job, request_id: str | None) -> Job:
    """The vendor refused this request about the file."""
    return _with(job, "error", request_id)


def ended_by(job: Job, request_id: str | None) -> Job:
    """This query found the end of the file's task."""
    return _with(job, "query", request_id)


def _with(job: Job, name: str, request_id: str | None) -> Job:
    return job.model_copy(update={"request_ids": job.request_ids.model_copy(update={name: request_id})})
