"""Every error of the package.

* DashscribeError
  * SettingsError           the function's environment is incomplete: a deployment fault
  * MalformedMessage        a queue message that can never be understood: to the dead-letter queue
  * InvalidOptions          the uploader's options are wrong: that job fails at once
  * ProfilesUnreadable      the profiles document is broken: new uploads wait
  * MediaGone               the object is not there any more (or is another one now)
  * StaleRecord             somebody else changed the record first: read it again
  * VendorError             DashScope refused or could not answer; `error_class` says what to do
    * VendorUnreachable     no connection was made: nothing was submitted
    * ResponseLost            the request was sent and its answer never came
  * ResultUnavailable       a result could not be downloaded now: ask the task again
  * ResultRefused           a result that must not or cannot be taken, however often it is asked for
  * PublishFailed           EventBridge did not take an event: the next pass publishes it
"""

from __future__ import annotations

from enum import StrEnum


class ErrorClass(StrEnum):
    """What the service does about an error of the vendor; `domain.recognition.vendor_codes` classifies each code."""

    PERMANENT = "permanent"  # the file or the request is wrong: fail the job with the reason
    RETRYABLE = "retryable"  # the vendor failed: back off and retry, a bounded number of times
    THROTTLED = "throttled"  # a rate limit: wait; this does not count as a failed attempt
    ACCOUNT_WIDE = "account"  # key, money or quota: pause all submissions; no job fails
    URL_DIED = "url_died"  # the vendor could not fetch the file: sign and submit again
    NO_SPEECH = "no_speech"  # a success with an empty transcript


class DashscribeError(Exception):
    """The base of all errors raised on purpose by this package."""


class SettingsError(DashscribeError):
    """When the function's environment lacks a setting or holds a wrong one."""


class MalformedMessage(DashscribeError):
    """When a message in the submit queue is neither an S3 event nor one of our own."""


class InvalidOptions(DashscribeError):
    """When metadata or a profile asks for what the catalogue does not allow; one sentence for each fault."""

    def __init__(self, faults: list[str], code: str = "INVALID_OPTIONS") -> None:
        super().__init__(" ".join(faults))
        self.faults = faults
        self.code = code


class ProfilesUnreadable(DashscribeError):
    """When the profiles parameter is not the JSON document that it should be."""


class MediaGone(DashscribeError):
    """When the uploaded object version is no longer there."""


class StaleRecord(DashscribeError):
    """When a conditional write finds that the record has changed since it was read."""


class VendorError(DashscribeError):
    """When DashScope answers with an error. `code` is the vendor's own word, `error_class` our class of it."""

    def __init__(self, code: str, message: str, error_class: ErrorClass, http_status: int | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.error_class = error_class
        self.http_status = http_status


class VendorUnreachable(VendorError):
    """When no connection to DashScope could be made, so that the request was certainly not received."""

    def __init__(self, message: str) -> None:
        super().__init__("VENDOR_UNREACHABLE", message, ErrorClass.RETRYABLE)


class ResponseLost(VendorError):
    """When a request was sent and the connection broke or timed out before its answer was read."""

    def __init__(self, message: str) -> None:
        super().__init__("RESPONSE_LOST", message, ErrorClass.RETRYABLE)


class ResultUnavailable(DashscribeError):
    """When a result JSON cannot be had now: expired URL, broken connection, truncated body."""


class ResultRefused(DashscribeError):
    """When a result must not be fetched or kept: host not allowed, too large, not a transcript."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class LargeResult(DashscribeError):
    """When a result is too large to be in memory beside others: it is to be downloaded when it is single_file_task."""


class PublishFailed(DashscribeError):
    """When EventBridge refused one or more entries of a PutEvents call."""
