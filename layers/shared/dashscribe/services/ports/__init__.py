"""What the services need from the outside, as protocols grouped by concept."""

from dashscribe.services.ports.messaging import (
    BackfillQueue,
    Clock,
    DeadLetterQueue,
    EventPublisher,
    JobQueue,
    Message,
    MessageSource,
    PollLoop,
    ProfilesSource,
)
from dashscribe.services.ports.records import (
    BackfillLedger,
    DueRecord,
    DueTask,
    JobRecords,
    PauseStore,
    RateLimiter,
    VendorFacts,
)
from dashscribe.services.ports.storage import (
    MediaStore,
    ResultStore,
    StoredTranscript,
    TextSource,
    TranscriptFinder,
    Upload,
    UploadFinder,
)
from dashscribe.services.ports.vendor import ResultSource, SpeechService, SynchronousSpeech

__all__ = [
    "BackfillLedger",
    "BackfillQueue",
    "Clock",
    "DeadLetterQueue",
    "DueRecord",
    "DueTask",
    "EventPublisher",
    "JobQueue",
    "JobRecords",
    "MediaStore",
    "Message",
    "MessageSource",
    "PauseStore",
    "PollLoop",
    "ProfilesSource",
    "RateLimiter",
    "ResultSource",
    "ResultStore",
    "SpeechService",
    "StoredTranscript",
    "SynchronousSpeech",
    "TextSource",
    "TranscriptFinder",
    "Upload",
    "UploadFinder",
    "VendorFacts",
]
