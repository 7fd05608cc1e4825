"""What each DashScope error code means for us: the one table of vendor errors (API reference sections 4 and 5)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Verdict(StrEnum):
    """What to do about a vendor error."""

    PERMANENT = "permanent"  # the file or the request is at fault: fail the job, with the reason
    RETRYABLE = "retryable"  # the vendor's trouble: back off, try again, a bounded number of times
    THROTTLED = "throttled"  # too fast: wait, it does not count as a failed try
    ACCOUNT_WIDE = "account"  # key, money or quota: submitting stops for all, nothing fails
    URL_DIED = "url_died"  # the vendor could not fetch the file: sign again, submit again
    NO_SPEECH = "no_speech"  # a success with an empty transcript


_HTTP_LEVEL = {
    # section 5.1; account-wide whatever the HTTP status that carries them
    "InvalidApiKey": Verdict.ACCOUNT_WIDE,
    "invalid_api_key": Verdict.ACCOUNT_WIDE,
    "NOT AUTHORIZED": Verdict.ACCOUNT_WIDE,
    "Arrearage": Verdict.ACCOUNT_WIDE,
    "AccessDenied": Verdict.ACCOUNT_WIDE,
    "access_denied": Verdict.ACCOUNT_WIDE,
    "AccessDenied.Unpurchased": Verdict.ACCOUNT_WIDE,
    "Workspace.AccessDenied": Verdict.ACCOUNT_WIDE,
    "WorkSpaceNotFound": Verdict.ACCOUNT_WIDE,
    "AllocationQuota.FreeTierOnly": Verdict.ACCOUNT_WIDE,
    "CommodityNotPurchased": Verdict.ACCOUNT_WIDE,
    "PrepaidBillOverdue": Verdict.ACCOUNT_WIDE,
    "PostpaidBillOverdue": Verdict.ACCOUNT_WIDE,
    # one model's entitlement: an upload that asks for an odd model must not stop everybody else's
    "Model.AccessDenied": Verdict.PERMANENT,
    "App.AccessDenied": Verdict.PERMANENT,
    "ModelNotFound": Verdict.PERMANENT,
    "Model.NotExist": Verdict.PERMANENT,
    "model_not_found": Verdict.PERMANENT,
    "model_not_supported": Verdict.PERMANENT,
    "Throttling": Verdict.THROTTLED,
    "Throttling.RateQuota": Verdict.THROTTLED,
    "Throttling.BurstRate": Verdict.THROTTLED,
    "Throttling.AllocationQuota": Verdict.THROTTLED,
    "LimitRequests": Verdict.THROTTLED,
    "limit_requests": Verdict.THROTTLED,
    "limit_burst_rate": Verdict.THROTTLED,
    "insufficient_quota": Verdict.THROTTLED,
    "InvalidParameter": Verdict.PERMANENT,
    "invalid_parameter_error": Verdict.PERMANENT,
    "invalid_request_error": Verdict.PERMANENT,
    "NotFound": Verdict.PERMANENT,
    "BadRequest.EmptyInput": Verdict.PERMANENT,
    "BadRequest.EmptyModel": Verdict.PERMANENT,
    "BadRequest.EmptyParameters": Verdict.PERMANENT,
    "BadRequest.IllegalInput": Verdict.PERMANENT,
    "BadRequest.UnsupportedFileFormat": Verdict.PERMANENT,
    "BadRequest.TooLarge": Verdict.PERMANENT,
    "InvalidFile.AudioLengthError": Verdict.PERMANENT,
    "DataInspectionFailed": Verdict.PERMANENT,
    "data_inspection_failed": Verdict.PERMANENT,
    "UnsupportedOperation": Verdict.PERMANENT,
    "BadRequest.InputDownloadFailed": Verdict.URL_DIED,
    "InvalidURL": Verdict.URL_DIED,
    "InvalidURL.ConnectionRefused": Verdict.URL_DIED,
    "InvalidURL.Timeout": Verdict.URL_DIED,
    "InvalidParameter.DataInspection": Verdict.URL_DIED,
    "ClientDisconnect": Verdict.RETRYABLE,
    "InternalError": Verdict.RETRYABLE,
    "InternalError.Algo": Verdict.RETRYABLE,
    "InternalError.Timeout": Verdict.RETRYABLE,
    "InternalError.Upload": Verdict.RETRYABLE,
    "InternalError.FileUpload": Verdict.RETRYABLE,
    "SystemError": Verdict.RETRYABLE,
    "ModelServiceFailed": Verdict.RETRYABLE,
    "RequestTimeOut": Verdict.RETRYABLE,
    "ModelServingError": Verdict.RETRYABLE,
    "ModelUnavailable": Verdict.RETRYABLE,
    "ServiceUnavailable": Verdict.RETRYABLE,
    "GatewayTimeout": Verdict.RETRYABLE,
}

_FILE_LEVEL = {
    # section 5.2
    "FILE_403_FORBIDDEN": Verdict.URL_DIED,
    "FILE_404_NOT_FOUND": Verdict.URL_DIED,  # signing again asks S3 first, and S3 knows whether it is gone
    "FILE_DOWNLOAD_FAILED": Verdict.URL_DIED,
    "InvalidFile.DownloadFailed": Verdict.URL_DIED,
    "FILE_SERVER_ERROR": Verdict.URL_DIED,
    "CONTENT_LENGTH_CHECK_FAILED": Verdict.URL_DIED,
    "REQUEST_INVALID_FILE_URL_VALUE": Verdict.PERMANENT,
    "FILE_CHECK_FAILED": Verdict.PERMANENT,
    "FILE_TOO_LARGE": Verdict.PERMANENT,
    "AUDIO_DURATION_TOO_LONG": Verdict.PERMANENT,
    "FILE_NORMALIZE_FAILED": Verdict.PERMANENT,
    "FILE_PARSE_FAILED": Verdict.PERMANENT,
    "MKV_PARSE_FAILED": Verdict.PERMANENT,
    "DECODE_ERROR": Verdict.PERMANENT,
    "NO_VALID_AUDIO_ERROR": Verdict.PERMANENT,
    "UNSUPPORTED_FORMAT": Verdict.PERMANENT,
    "SUCCESS_WITH_NO_VALID_FRAGMENT": Verdict.NO_SPEECH,
    "ASR_RESPONSE_HAVE_NO_WORDS": Verdict.NO_SPEECH,
    "NO_INPUT_AUDIO_ERROR": Verdict.PERMANENT,
    "FILE_TRANS_TASK_EXPIRED": Verdict.RETRYABLE,
}

VERDICTS: Mapping[str, Verdict] = MappingProxyType(_HTTP_LEVEL | _FILE_LEVEL)

_FREE_QUOTA_SIGNS = ("free allocated quota", "free tier", "free quota")


def says_there_is_no_list(verdict: Verdict, http_status: int | None) -> bool:
    """Whether a refused list of tasks is one that this server does not have, and not one that it cannot give now."""
    return verdict is Verdict.PERMANENT or http_status in (404, 405, 501)


def classify(code: str, message: str = "", http_status: int | None = None) -> Verdict:
    """Class a vendor error.

    A code that the table does not know is retryable (a few times, `domain.job.tries_for`): what the vendor
    may add must not fail a recording at its first sight. Quota codes are ambiguous: the same word means "this minute's
    tokens" and "the free allowance is used up" (section 4), so the message decides; a mere "quota exceeded, check your
    billing" is what the minute's limit says too.
    """
    if code in ("Throttling.AllocationQuota", "insufficient_quota"):
        spent = any(sign in message.lower() for sign in _FREE_QUOTA_SIGNS)
        return Verdict.ACCOUNT_WIDE if spent else Verdict.THROTTLED
    known = VERDICTS.get(code)
    if known is not None:
        return known
    if code.startswith("Throttling") or http_status == 429:
        return Verdict.THROTTLED
    return Verdict.ACCOUNT_WIDE if http_status == 401 else Verdict.RETRYABLE
