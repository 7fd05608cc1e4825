"""What the loop passes to a finalizer."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

FILES_PER_FINALIZER = 20
"""A finalizer handles them concurrently, so that a batch of many files needs one round of finalizers. 20 results of
2 MiB take half of its memory. Larger ones are handled one after the other."""


class FinalizeRequest(BaseModel):
    """The work of one finalizer. Without a submission it publishes the events of terminal jobs."""

    model_config = ConfigDict(defer_build=True)

    submission_id: str | None
    job_ids: list[str]
