"""The object graph of each service, built from its settings and its ports.

`wiring` calls the builders with the real adapters, and the tests call them with an in-memory world.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashscribe.domain.recognition.catalogue import region_of

if TYPE_CHECKING:
    from dashscribe.services.polling.poll import PollService
    from dashscribe.services.ports import (
        Clock,
        DeadLetterQueue,
        DeadLetterSource,
        EventPublisher,
        JobQueue,
        JobRecords,
        MediaStore,
        MessageSource,
        PauseStore,
        PollLoop,
        ProfilesSource,
        RateLimiter,
        ResultSource,
        ResultStore,
        SpeechService,
        SynchronousSpeech,
        TextSource,
        TranscriptFinder,
        VendorFacts,
    )
    from dashscribe.services.ports.vocabularies import VocabularyRecords, VocabularyService
    from dashscribe.services.submission.submission_pause import SubmissionPause
    from dashscribe.services.submission.submit import SubmitService
    from dashscribe.services.transcribe import TranscribeService
    from dashscribe.settings import PollSettings, SubmitSettings, TranscribeSettings


@dataclass(frozen=True)
class TablePorts:
    """The ports of the jobs table."""

    records: JobRecords
    rate_limiter: RateLimiter
    pauses: PauseStore
    facts: VendorFacts


@dataclass(frozen=True)
class SubmissionPorts:
    """What both functions that submit need."""

    table: TablePorts
    media: MediaStore
    profiles: ProfilesSource
    api_key: Callable[[], str]
    results: ResultStore
    results_bucket: str
    events: EventPublisher
    dead_letter_queue: DeadLetterQueue
    loop: PollLoop
    clock: Clock
    sleep: Callable[[float], None] = time.sleep

    def pause(self) -> SubmissionPause:
        from dashscribe.services.pauses import PauseKeeper
        from dashscribe.services.publish import EndPublisher
        from dashscribe.services.submission.job_recorder import JobRecorder
        from dashscribe.services.submission.submission_pause import SubmissionPause

        records = self.table.records
        publisher = EndPublisher(records, self.results, self.events, self.clock, self.results_bucket)
        recorder = JobRecorder(records, publisher, self.clock)
        return SubmissionPause(PauseKeeper(self.table.pauses, self.clock), self.api_key, self.profiles, recorder)


def build_submit_service(
    settings: SubmitSettings,
    ports: SubmissionPorts,
    speech: SpeechService,
    results: ResultSource,
    messages: MessageSource,
    synchronous_queue: JobQueue,
    vocabularies: VocabularyService,
    vocabulary_records: VocabularyRecords,
    texts: TextSource,
    transcripts: TranscriptFinder,
    concurrent_records: int | None = None,
) -> SubmitService:
    from dashscribe.services.submission.given_vocabularies import GivenVocabularies
    from dashscribe.services.submission.inbox import MessageInbox
    from dashscribe.services.submission.job_preparer import JobPreparer
    from dashscribe.services.submission.lost_responses import LostResponses
    from dashscribe.services.submission.submit import CONCURRENT_RECORDS, SubmitService
    from dashscribe.services.submission.task_submitter import TaskSubmitter
    from dashscribe.services.submission.vocabularies import Vocabularies

    table, pause = ports.table, ports.pause()
    preparer = JobPreparer(
        records=table.records,
        media=ports.media,
        profiles=ports.profiles,
        transcripts=transcripts,
        recorder=pause.recorder,
        pause=pause,
        synchronous_queue=synchronous_queue,
        clock=ports.clock,
        results_bucket=settings.results_bucket_name,
        default_model=settings.default_model,
        default_outputs=settings.outputs,
        asynchronous_models_only=settings.asynchronous_models_only,
        region=region_of(settings.dashscope_base_url),
        texts=texts,
        has_workspace=settings.has_workspace,
        watched_keys=settings.watched_keys,
    )
    lost_responses = LostResponses(
        records=table.records,
        facts=table.facts,
        rate_limiter=table.rate_limiter,
        speech=speech,
        results=results,
        recorder=pause.recorder,
        clock=ports.clock,
        query_requests_per_second=settings.query_requests_per_second,
        sleep=ports.sleep,
    )
    submitter = TaskSubmitter(
        records=table.records,
        facts=table.facts,
        rate_limiter=table.rate_limiter,
        media=ports.media,
        speech=speech,
        recorder=pause.recorder,
        pause=pause,
        vocabularies=Vocabularies(
            records=vocabulary_records,
            service=vocabularies,
            clock=ports.clock,
            scope=settings.jobs_table_name,
            given=GivenVocabularies(vocabularies, ports.clock),
            sleep=ports.sleep,
        ),
        clock=ports.clock,
        submit_requests_per_second=settings.submit_requests_per_second,
        sleep=ports.sleep,
    )
    return SubmitService(
        inbox=MessageInbox(ports.dead_letter_queue, table.records),
        preparer=preparer,
        lost_responses=lost_responses,
        pause=pause,
        submitter=submitter,
        facts=table.facts,
        messages=messages,
        loop=ports.loop,
        clock=ports.clock,
        max_files_per_task=settings.max_files_per_task,
        concurrent_records=concurrent_records or CONCURRENT_RECORDS,
    )


def build_transcribe_service(
    settings: TranscribeSettings,
    ports: SubmissionPorts,
    speech: SynchronousSpeech,
    audio_length: Callable[[bytes], float | None],
    vocabularies: VocabularyService,
) -> TranscribeService:
    from dashscribe.services.submission.given_vocabularies import GivenVocabularies
    from dashscribe.services.submission.inbox import MessageInbox
    from dashscribe.services.transcribe import SynchronousCaller, TranscribeService

    pause = ports.pause()
    caller = SynchronousCaller(
        speech=speech,
        media=ports.media,
        rate_limiter=ports.table.rate_limiter,
        audio_length=audio_length,
        clock=ports.clock,
        vocabularies=GivenVocabularies(vocabularies, ports.clock),
        submit_requests_per_second=settings.submit_requests_per_second,
        sleep=ports.sleep,
    )
    return TranscribeService(
        inbox=MessageInbox(ports.dead_letter_queue, ports.table.records),
        records=ports.table.records,
        recorder=pause.recorder,
        pause=pause,
        caller=caller,
        results=ports.results,
        loop=ports.loop,
        clock=ports.clock,
        results_bucket=settings.results_bucket_name,
        region=region_of(settings.dashscope_base_url),
    )


@dataclass(frozen=True)
class PollTuning:
    """What tests and benchmarks change: how much runs concurrently, and sleep."""

    concurrent_queries: int | None = None
    concurrent_requeues: int | None = None
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class PollQueues:
    """The queues of the poll function."""

    submit_queue: JobQueue
    dead_letters: DeadLetterSource


def build_poll_service(
    settings: PollSettings,
    table: TablePorts,
    speech: Callable[[], SpeechService],
    queues: PollQueues,
    events: Callable[[], EventPublisher],
    clock: Clock,
    tuning: PollTuning | None = None,
) -> PollService:
    from dashscribe.services.pauses import PauseKeeper
    from dashscribe.services.polling.backlog import Backlog
    from dashscribe.services.polling.dead_letters import DeadLetterRedriver
    from dashscribe.services.polling.paused_jobs import PausedJobs
    from dashscribe.services.polling.poll import CONCURRENT_REQUEUES, PollService
    from dashscribe.services.polling.task_poller import TaskPoller
    from dashscribe.services.polling.task_selection import TaskSelector
    from dashscribe.services.polling.vendor_calls import CONCURRENT_QUERIES, VendorCalls

    tuning = tuning or PollTuning()
    vendor = VendorCalls(speech, table.rate_limiter, clock, settings.query_requests_per_second, tuning.sleep)
    concurrent_queries = tuning.concurrent_queries or CONCURRENT_QUERIES
    pauses = PauseKeeper(table.pauses, clock)
    task_poller = TaskPoller(
        records=table.records,
        pauses=pauses,
        vendor=vendor,
        selector=TaskSelector(table.facts, vendor, clock, concurrent_queries),
        clock=clock,
        concurrent_queries=concurrent_queries,
    )
    backlog = Backlog(
        records=table.records,
        facts=table.facts,
        rate_limiter=table.rate_limiter,
        max_files_per_task=settings.max_files_per_task,
        submit_requests_per_second=settings.submit_requests_per_second,
    )
    return PollService(
        task_poller=task_poller,
        records=table.records,
        pauses=pauses,
        paused_jobs=PausedJobs(table.records, pauses, clock),
        queue=queues.submit_queue,
        backlog=backlog,
        events=events,
        dead_letters=DeadLetterRedriver(queues.dead_letters, clock),
        clock=clock,
        concurrent_requeues=tuning.concurrent_requeues or CONCURRENT_REQUEUES,
    )
