"""The errors of this package. Each comment says what the error means and what the caller does.

* DashscribeError
  * SettingsError           the function's environment is incomplete: fix the deployment
  * MalformedMessage        a queue message can never be processed: send it to the dead-letter queue
  * InvalidOptions          the uploader's options are wrong: fail the job with the reason
  * TextUnusable            an object that options name has no usable text: fail the job with the reason
  * ProfilesUnreadable      the profiles document is broken: pause submissions
  * MediaUnusable           the object cannot be read: fail the job with `code`
    * MediaGone             the object version no longer exists
    * MediaForbidden        the functions may not read it
    * MediaArchived         it must be restored first
  * RecordUnreadable        a record of the table cannot be read: it is moved aside, and its job goes no further
  * StaleRecord             another function changed the record first: drop our change, or read the record again
  * ItemsNotRead            the table left out items of a batch: try again later
  * VendorError             DashScope refused the request or could not answer: do what `error_class` says
    * VendorUnreachable     no connection was made, so nothing was submitted: retry
    * ResponseLost          the request was sent, but no usable response arrived: reconcile before submitting again
  * ResultUnavailable       a result cannot be downloaded now: query the task again for a fresh URL
    * ResultUnreadable      what was downloaded is no transcript: the same, but at most five times
  * ResultRefused           a result must not be fetched or kept: fail the job
  * UnknownResult           a stored result cannot be rendered: tell the user why
  * LargeResult             a result is too large to be processed together with others: process it on its own
  * PublishFailed           EventBridge did not accept some events: the loop publishes them later
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from dashscribe.redaction import redact_signatures


class ErrorClass(StrEnum):
    """What the service does about an error of the vendor. `domain.recognition.vendor_codes` assigns it to each code."""

    PERMANENT = "permanent"  # the file or the request is wrong: fail the job with the reason
    RETRYABLE = "retryable"  # the vendor failed: back off and retry, a bounded number of times
    THROTTLED = "throttled"  # a rate limit: wait; this does not count as a failed attempt
    ACCOUNT_WIDE = "account"  # key or money: pause all submissions; no job fails
    MODEL_WIDE = "model"  # the account may not use this model: pause its submissions; the other models go on
    URL_DIED = "url_died"  # the vendor could not fetch the file: sign and submit again
    NO_SPEECH = "no_speech"  # the recording contains no speech: succeed with an empty transcript


class DashscribeError(Exception):
    """Base class of all errors that this package raises on purpose."""


class SettingsError(DashscribeError):
    """The function's environment lacks a setting or contains an invalid one."""


class MalformedMessage(DashscribeError):
    """A queue message is neither an S3 upload nor one of our own messages, or it names a job that does not exist."""


class InvalidOptions(DashscribeError):
    """Metadata or a profile names options that the catalogue does not allow. `faults` has one sentence per fault."""

    def __init__(self, faults: list[str], code: str = "INVALID_OPTIONS") -> None:
        super().__init__(" ".join(faults))
        self.faults = faults
        self.code = code


class TextUnusable(DashscribeError):
    """An object that options name as context or prompt is absent, too long, or no text. The message is a sentence."""


class ProfilesUnreadable(DashscribeError):
    """The profiles parameter is not a valid profiles document."""


class MediaUnusable(DashscribeError):
    """The uploaded object cannot be read, and a retry does not help. `code` is the job's error code."""

    code = "MEDIA_UNUSABLE"


class MediaGone(MediaUnusable):
    """The uploaded object version no longer exists."""

    code = "MEDIA_GONE"


class MediaForbidden(MediaUnusable):
    """The functions may not read the object."""

    code = "MEDIA_FORBIDDEN"


class MediaArchived(MediaUnusable):
    """The object is in an archive storage class and is not restored."""

    code = "MEDIA_ARCHIVED"


class RecordUnreadable(DashscribeError):
    """A record of the table is not what this version writes. It is taken off its due list and dead-lettered."""


class StaleRecord(DashscribeError):
    """A conditional write failed, because the record has changed since it was read."""


class ItemsNotRead(DashscribeError):
    """DynamoDB left out items of a batch in every attempt, because it is throttled."""


class VendorError(DashscribeError):
    """DashScope answered with an error. `code` is the vendor's code, `error_class` is our class of it.

    `request_id` is the vendor's id of the request, if its response has one. The texts are redacted, because the vendor
    may quote a secret in each of them.
    """

    def __init__(
        self,
        code: str,
        message: str,
        error_class: ErrorClass,
        http_status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        code, message = redact_signatures(code), redact_signatures(message)
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.error_class = error_class
        self.http_status = http_status
        self.request_id = request_id


class VendorUnreachable(VendorError):
    """No connection to DashScope was made, so DashScope certainly did not receive the request."""

    def __init__(self, message: str) -> None:
        super().__init__("VENDOR_UNREACHABLE", message, ErrorClass.RETRYABLE)


class ResponseLost(VendorError):
    """The request was sent, but its response is missing, incomplete or unreadable, so its effect is not known."""

    def __init__(self, message: str) -> None:
        super().__init__("RESPONSE_LOST", message, ErrorClass.RETRYABLE)


class ResultUnavailable(DashscribeError):
    """A result cannot be read now: the URL has expired, the connection broke, or the body is not the JSON we expect."""


RESULT_UNREADABLE = "RESULT_UNREADABLE"
"""Our error code for a result in which no transcript can be found."""


class ResultUnreadable(ResultUnavailable):
    """The result's host answered, but not with a transcript: with a redirect, a body that is not JSON, or other JSON.

    `received` is the body, if it was read. `code` is the job's error code if the answer stays so.
    """

    def __init__(self, message: str, received: bytes | None = None, code: str = RESULT_UNREADABLE) -> None:
        super().__init__(message)
        self.received = received
        self.code = code


class ResultRefused(DashscribeError):
    """A result must not be fetched or kept: its host is not allowed, it is too large, or it is not a transcript."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class UnknownResult(DashscribeError):
    """A stored result is missing, incomplete, or has an unknown shape. The message is a sentence for people."""


class LargeResult(DashscribeError):
    """A result is too large to be in memory together with others; the finalizer downloads it again on its own."""


class PublishFailed(DashscribeError):
    """EventBridge did not accept some events. `job_ids` are the jobs whose event must be published again."""

    def __init__(self, message: str, job_ids: Iterable[str]) -> None:
        super().__init__(message)
        self.job_ids = frozenset(job_ids)
