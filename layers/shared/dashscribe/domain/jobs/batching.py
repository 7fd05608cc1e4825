"""Which jobs share a submission."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from dashscribe.domain.jobs.job import Job
from dashscribe.domain.recognition.media import size_class


def batches(ready: Iterable[Job], files_per_task: Callable[[Job], int]) -> Iterator[list[Job]]:
    """Group files with the same model, the same options and about the same size into batches.

    `files_per_task` returns the largest batch for a job's model. Two versions of one object never share a batch: the
    vendor's reply names files by URL, and without a query in it the two could not be told apart.
    """
    for _, group in groupby(sorted(ready, key=_kind), key=_kind):
        jobs = list(group)
        limit = files_per_task(jobs[0]) if len(jobs) > 1 else 1
        found: list[list[Job]] = []
        for job in jobs:
            batch = next((batch for batch in found if len(batch) < limit and _fits(job, batch)), None)
            if batch is None:
                found.append([job])
            else:
                batch.append(job)
        yield from found


def _kind(job: Job) -> str:
    options = job.options
    requested = [options.model, options.family, options.parameters] if options else None
    return json.dumps([requested, size_class(job.media)], sort_keys=True)


def _fits(job: Job, batch: list[Job]) -> bool:
    if _is_alone(job) or _is_alone(batch[0]):
        return False
    return all(_object_of(other) != _object_of(job) for other in batch)


def _is_alone(job: Job) -> bool:
    """Whether the job must not share a submission. A job whose last run failed could fail the others too."""
    return job.single_file_task or job.failed_runs > 0


def _object_of(job: Job) -> tuple[str, str, str | None]:
    return job.media.bucket, job.media.key, job.media.version_id
