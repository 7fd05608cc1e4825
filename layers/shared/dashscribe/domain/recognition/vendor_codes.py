"""The table that assigns an error class to each error code of DashScope.

Sources: docs/vendor-api.md#error-codes, docs/vendor-api.md#file-error-codes and docs/vendor-api.md#throttling.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from dashscribe.errors import ErrorClass

_HTTP_LEVEL = {
    # docs/vendor-api.md#error-codes. These are account-wide with any HTTP status.
    "InvalidApiKey": ErrorClass.ACCOUNT_WIDE,
    "invalid_api_key": ErrorClass.ACCOUNT_WIDE,
    "NOT AUTHORIZED": ErrorClass.ACCOUNT_WIDE,
    "Arrearage": ErrorClass.ACCOUNT_WIDE,
    "WorkSpaceNotFound": ErrorClass.ACCOUNT_WIDE,
    "CommodityNotPurchased": ErrorClass.ACCOUNT_WIDE,
    "PrepaidBillOverdue": ErrorClass.ACCOUNT_WIDE,
    "PostpaidBillOverdue": ErrorClass.ACCOUNT_WIDE,
    # Entitlement: the account, or its workspace, may not use this model. Each model has its own free quota.
    "AccessDenied": ErrorClass.MODEL_WIDE,
    "access_denied": ErrorClass.MODEL_WIDE,
    "AccessDenied.Unpurchased": ErrorClass.MODEL_WIDE,
    "Model.AccessDenied": ErrorClass.MODEL_WIDE,
    "App.AccessDenied": ErrorClass.MODEL_WIDE,
    "Workspace.AccessDenied": ErrorClass.MODEL_WIDE,
    "AllocationQuota.FreeTierOnly": ErrorClass.MODEL_WIDE,
    "ModelNotFound": ErrorClass.PERMANENT,
    "Model.NotExist": ErrorClass.PERMANENT,
    "model_not_found": ErrorClass.PERMANENT,
    "model_not_supported": ErrorClass.PERMANENT,
    "Throttling": ErrorClass.THROTTLED,
    "Throttling.RateQuota": ErrorClass.THROTTLED,
    "Throttling.BurstRate": ErrorClass.THROTTLED,
    "Throttling.AllocationQuota": ErrorClass.THROTTLED,
    "LimitRequests": ErrorClass.THROTTLED,
    "limit_requests": ErrorClass.THROTTLED,
    "limit_burst_rate": ErrorClass.THROTTLED,
    "insufficient_quota": ErrorClass.THROTTLED,
    "InvalidParameter": ErrorClass.PERMANENT,
    "invalid_parameter_error": ErrorClass.PERMANENT,
    "invalid_request_error": ErrorClass.PERMANENT,
    "NotFound": ErrorClass.PERMANENT,
    "BadRequest.EmptyInput": ErrorClass.PERMANENT,
    "BadRequest.EmptyModel": ErrorClass.PERMANENT,
    "BadRequest.EmptyParameters": ErrorClass.PERMANENT,
    "BadRequest.IllegalInput": ErrorClass.PERMANENT,
    "BadRequest.UnsupportedFileFormat": ErrorClass.PERMANENT,
    "BadRequest.TooLarge": ErrorClass.PERMANENT,
    "InvalidFile.AudioLengthError": ErrorClass.PERMANENT,
    "DataInspectionFailed": ErrorClass.PERMANENT,
    "data_inspection_failed": ErrorClass.PERMANENT,
    "UnsupportedOperation": ErrorClass.PERMANENT,
    "BadRequest.InputDownloadFailed": ErrorClass.URL_DIED,
    "InvalidURL": ErrorClass.URL_DIED,
    "InvalidURL.ConnectionRefused": ErrorClass.URL_DIED,
    "InvalidURL.Timeout": ErrorClass.URL_DIED,
    "InvalidParameter.DataInspection": ErrorClass.URL_DIED,
    "ClientDisconnect": ErrorClass.RETRYABLE,
    "InternalError": ErrorClass.RETRYABLE,
    "InternalError.Algo": ErrorClass.RETRYABLE,
    "InternalError.Timeout": ErrorClass.RETRYABLE,
    "InternalError.Upload": ErrorClass.RETRYABLE,
    "InternalError.FileUpload": ErrorClass.RETRYABLE,
    "SystemError": ErrorClass.RETRYABLE,
    "ModelServiceFailed": ErrorClass.RETRYABLE,
    "RequestTimeOut": ErrorClass.RETRYABLE,
    "ModelServingError": ErrorClass.RETRYABLE,
    "ModelUnavailable": ErrorClass.RETRYABLE,
    "ServiceUnavailable": ErrorClass.RETRYABLE,
    "GatewayTimeout": ErrorClass.RETRYABLE,
}

_FILE_LEVEL = {
    # docs/vendor-api.md#file-error-codes
    "FILE_403_FORBIDDEN": ErrorClass.URL_DIED,
    # Before signing again, the service queries S3, which reports whether the object still exists.
    "FILE_404_NOT_FOUND": ErrorClass.URL_DIED,
    "FILE_DOWNLOAD_FAILED": ErrorClass.URL_DIED,
    "InvalidFile.DownloadFailed": ErrorClass.URL_DIED,
    "FILE_SERVER_ERROR": ErrorClass.URL_DIED,
    "CONTENT_LENGTH_CHECK_FAILED": ErrorClass.URL_DIED,
    "REQUEST_INVALID_FILE_URL_VALUE": ErrorClass.PERMANENT,
    "FILE_CHECK_FAILED": ErrorClass.PERMANENT,
    "FILE_TOO_LARGE": ErrorClass.PERMANENT,
    "AUDIO_DURATION_TOO_LONG": ErrorClass.PERMANENT,
    "FILE_NORMALIZE_FAILED": ErrorClass.PERMANENT,
    "FILE_PARSE_FAILED": ErrorClass.PERMANENT,
    "MKV_PARSE_FAILED": ErrorClass.PERMANENT,
    "DECODE_ERROR": ErrorClass.PERMANENT,
    "NO_VALID_AUDIO_ERROR": ErrorClass.PERMANENT,
    "UNSUPPORTED_FORMAT": ErrorClass.PERMANENT,
    "SUCCESS_WITH_NO_VALID_FRAGMENT": ErrorClass.NO_SPEECH,
    "ASR_RESPONSE_HAVE_NO_WORDS": ErrorClass.NO_SPEECH,
    "NO_INPUT_AUDIO_ERROR": ErrorClass.PERMANENT,
    "FILE_TRANS_TASK_EXPIRED": ErrorClass.RETRYABLE,
}

ERROR_CLASSES: Mapping[str, ErrorClass] = MappingProxyType(_HTTP_LEVEL | _FILE_LEVEL)

NO_SPEECH_CODES = frozenset(code for code, error_class in ERROR_CLASSES.items() if error_class is ErrorClass.NO_SPEECH)
NO_WORDS = "ASR_RESPONSE_HAVE_NO_WORDS"
"""The vendor's code for a recording without speech (docs/vendor-api.md#file-error-codes)."""

_FORMAT_CODES = frozenset(
    {"BadRequest.UnsupportedFileFormat", "UNSUPPORTED_FORMAT", "FILE_CHECK_FAILED", "DECODE_ERROR"}
)
_NAMES_THE_FORMAT = re.compile(r"\b(format|codec|container)\b", re.IGNORECASE)

_REQUEST_CODES = frozenset({"InvalidParameter", "invalid_parameter_error", "invalid_request_error"})
_NAMES_A_DOWNLOAD = re.compile(r"\b(download|fetch)|provided url does not appear to be valid", re.IGNORECASE)
"""A message of these codes that is about the file (docs/vendor-api.md#error-codes)."""

_FREE_QUOTA_PHRASES = ("free allocated quota", "free tier", "free quota")
_WRONG_ENDPOINT_PHRASES = ("does not support synchronous calls", "does not support asynchronous calls")
"""`AccessDenied` with one of these texts is about the request (docs/vendor-api.md#error-codes)."""


def is_format_refusal(code: str, message: str) -> bool:
    """Whether the vendor refused the format of a file, which another model may accept.

    No page says which code a synchronous model uses for it, so the message of `InvalidParameter` also counts.
    """
    return code in _FORMAT_CODES or (code == "InvalidParameter" and bool(_NAMES_THE_FORMAT.search(message)))


def is_task_list_unsupported(error_class: ErrorClass, http_status: int | None) -> bool:
    """Whether an error of the task list means that this server has no task list, and not that it is unavailable now."""
    return error_class is ErrorClass.PERMANENT or http_status in (404, 405, 501)


def classify(code: str, message: str = "", http_status: int | None = None) -> ErrorClass:
    """Return the error class of a vendor error.

    An unknown code is retryable (a few times, `domain.jobs.job.max_attempts_for`), so that a code that the vendor adds
    does not fail a recording at once. The quota codes are ambiguous: they mean that the tokens of this minute are used
    up, or that the free quota is used up (docs/vendor-api.md#throttling). The message decides. The message of the limit
    per minute also says "quota exceeded, check your billing", so only the phrases of the free quota count.
    """
    if code in ("Throttling.AllocationQuota", "insufficient_quota"):
        is_free_quota = any(phrase in message.lower() for phrase in _FREE_QUOTA_PHRASES)
        return ErrorClass.MODEL_WIDE if is_free_quota else ErrorClass.THROTTLED
    if code in ("AccessDenied", "access_denied") and any(
        phrase in message.lower() for phrase in _WRONG_ENDPOINT_PHRASES
    ):
        return ErrorClass.PERMANENT
    if code in _REQUEST_CODES and _NAMES_A_DOWNLOAD.search(message):
        return ErrorClass.URL_DIED
    known = ERROR_CLASSES.get(code)
    if known is not None:
        return known
    if "AccessDenied" in code:
        return ErrorClass.MODEL_WIDE
    if code.startswith("Throttling") or http_status == 429:
        return ErrorClass.THROTTLED
    return ErrorClass.ACCOUNT_WIDE if http_status == 401 else ErrorClass.RETRYABLE
