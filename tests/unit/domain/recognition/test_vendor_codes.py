from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashscribe.domain.recognition.vendor_codes import ERROR_CLASSES, classify
from dashscribe.errors import ErrorClass


@pytest.mark.parametrize(
    ("http_status", "code"),
    [
        (401, "InvalidApiKey"),
        (401, "invalid_api_key"),
        (401, "NOT AUTHORIZED"),
        (400, "Arrearage"),
        (404, "WorkSpaceNotFound"),
        (429, "CommodityNotPurchased"),
        (429, "PrepaidBillOverdue"),
        (429, "PostpaidBillOverdue"),
    ],
)
def test_a_key_or_billing_error_pauses_submissions_with_any_http_status(http_status: int, code: str) -> None:
    assert classify(code, "", http_status) is ErrorClass.ACCOUNT_WIDE


@pytest.mark.parametrize(
    "code",
    [
        "AccessDenied",
        "access_denied",
        "AccessDenied.Unpurchased",
        "Model.AccessDenied",
        "App.AccessDenied",
        "Workspace.AccessDenied",
        "AllocationQuota.FreeTierOnly",
        "AccessDenied.NewReason",
    ],
)
def test_a_missing_entitlement_pauses_the_submissions_of_its_model_only(code: str) -> None:
    assert classify(code, "Access to model denied.", 403) is ErrorClass.MODEL_WIDE


@pytest.mark.parametrize("kind", ["synchronous", "asynchronous"])
def test_a_request_to_the_wrong_endpoint_fails_the_job(kind: str) -> None:
    assert classify("AccessDenied", f"current user api does not support {kind} calls.", 403) is ErrorClass.PERMANENT


@pytest.mark.parametrize("code", ["ModelNotFound", "model_not_found"])
def test_a_model_that_does_not_exist_pauses_no_submissions(code: str) -> None:
    assert classify(code, "", 404) is ErrorClass.PERMANENT


@pytest.mark.parametrize(
    "code",
    [
        "Throttling",
        "Throttling.RateQuota",
        "Throttling.BurstRate",
        "LimitRequests",
        "limit_requests",
        "limit_burst_rate",
    ],
)
def test_a_rate_limit_error_is_not_a_failed_attempt(code: str) -> None:
    assert classify(code, "Requests rate limit exceeded, please try again later.", 429) is ErrorClass.THROTTLED


@pytest.mark.parametrize("code", ["Throttling.AllocationQuota", "insufficient_quota"])
def test_a_quota_code_is_classified_by_its_message(code: str) -> None:
    assert classify(code, "Free allocated quota exceeded.", 429) is ErrorClass.MODEL_WIDE
    assert classify(code, "Too many tokens in this minute, try again later.", 429) is ErrorClass.THROTTLED


@pytest.mark.parametrize(
    "code",
    [
        "FILE_403_FORBIDDEN",
        "FILE_DOWNLOAD_FAILED",
        "InvalidFile.DownloadFailed",
        "FILE_SERVER_ERROR",
        "BadRequest.InputDownloadFailed",
        "InvalidURL.Timeout",
        "InvalidParameter.DataInspection",
    ],
)
def test_a_file_that_the_vendor_could_not_download_is_signed_again(code: str) -> None:
    assert classify(code, http_status=400) is ErrorClass.URL_DIED


@pytest.mark.parametrize("code", ["InvalidParameter", "invalid_parameter_error", "invalid_request_error"])
@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("The provided URL does not appear to be valid. Ensure it is correctly formatted.", ErrorClass.URL_DIED),
        ("Failed to download multimodal content.", ErrorClass.URL_DIED),
        ("Unable to download the media resource.", ErrorClass.URL_DIED),
        ("The audio cannot be fetched.", ErrorClass.URL_DIED),
        ("url error, check url!", ErrorClass.PERMANENT),
        ("Required parameter(format) missing or invalid", ErrorClass.PERMANENT),
        ("The audio is empty", ErrorClass.PERMANENT),
    ],
)
def test_the_message_of_a_refused_request_may_say_that_the_file_was_not_downloaded(
    code: str, message: str, expected: ErrorClass
) -> None:
    assert classify(code, message, 400) is expected


@pytest.mark.parametrize(
    "code",
    [
        "InvalidParameter",
        "BadRequest.EmptyInput",
        "BadRequest.UnsupportedFileFormat",
        "BadRequest.TooLarge",
        "DataInspectionFailed",
        "REQUEST_INVALID_FILE_URL_VALUE",
        "FILE_CHECK_FAILED",
        "FILE_TOO_LARGE",
        "AUDIO_DURATION_TOO_LONG",
        "FILE_NORMALIZE_FAILED",
        "FILE_PARSE_FAILED",
        "MKV_PARSE_FAILED",
        "DECODE_ERROR",
        "NO_VALID_AUDIO_ERROR",
        "UNSUPPORTED_FORMAT",
    ],
)
def test_an_error_of_the_file_or_the_request_fails_the_job(code: str) -> None:
    assert classify(code) is ErrorClass.PERMANENT


@pytest.mark.parametrize(
    "code",
    [
        "InternalError",
        "InternalError.Algo",
        "InternalError.Timeout",
        "SystemError",
        "ModelServiceFailed",
        "ModelUnavailable",
        "RequestTimeOut",
        "FILE_TRANS_TASK_EXPIRED",
    ],
)
def test_a_server_error_of_the_vendor_is_retried(code: str) -> None:
    assert classify(code, http_status=500) is ErrorClass.RETRYABLE


@pytest.mark.parametrize("code", ["SUCCESS_WITH_NO_VALID_FRAGMENT", "ASR_RESPONSE_HAVE_NO_WORDS"])
def test_silent_audio_is_not_an_error(code: str) -> None:
    assert classify(code, code) is ErrorClass.NO_SPEECH


@pytest.mark.parametrize(
    ("http_status", "error_class"),
    [
        (None, ErrorClass.RETRYABLE),
        (200, ErrorClass.RETRYABLE),
        (400, ErrorClass.RETRYABLE),
        (401, ErrorClass.ACCOUNT_WIDE),
        (404, ErrorClass.RETRYABLE),
        (408, ErrorClass.RETRYABLE),
        (409, ErrorClass.RETRYABLE),
        (425, ErrorClass.RETRYABLE),
        (429, ErrorClass.THROTTLED),
        (500, ErrorClass.RETRYABLE),
        (503, ErrorClass.RETRYABLE),
    ],
)
def test_an_unknown_code_is_classified_by_its_http_status(http_status: int | None, error_class: ErrorClass) -> None:
    assert classify("SomethingNew", "?", http_status) is error_class


def test_an_unknown_throttling_code_is_throttling() -> None:
    assert classify("Throttling.SomethingNew") is ErrorClass.THROTTLED


@given(st.text().filter(lambda code: code not in ERROR_CLASSES), st.text())
def test_an_unknown_code_does_not_fail_a_job_at_once(code: str, message: str) -> None:
    assert classify(code, message) in (ErrorClass.RETRYABLE, ErrorClass.THROTTLED)
