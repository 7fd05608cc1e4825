"""The vendor's ids of the requests about one file. The vendor's support finds a request by its id."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class RequestIds(BaseModel):
    """The ids of the last requests about a file. An id is null if there was no such request, or no readable id."""

    model_config = ConfigDict(frozen=True)

    submission: str | None = Field(default=None, description="the submission or the synchronous call")
    query: str | None = Field(default=None, description="the query that found the end of the task")
    error: str | None = Field(default=None, description="the last request that the vendor refused")

    @property
    def latest(self) -> str | None:
        """The id of the last of these requests. A new submission removes the others, so an error is the last one."""
        return self.error or self.query or self.submission
