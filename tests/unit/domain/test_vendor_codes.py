from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashscribe.domain.vendor_codes import VERDICTS, Verdict, classify


@pytest.mark.parametrize(
    ("http_status", "code"),
    [
        (401, "InvalidApiKey"),
        (401, "invalid_api_key"),
        (401, "NOT AUTHORIZED"),
        (400, "Arrearage"),
        (403, "AccessDenied.Unpurchased"),
        (403, "Workspace.AccessDenied"),
        (404, "WorkSpaceNotFound"),
        (403, "AllocationQuota.FreeTierOnly"),
        (429, "CommodityNotPurchased"),
        (429, "PrepaidBillOverdue"),
        (429, "PostpaidBillOverdue"),
    ],
)
def test_key_and_money_trouble_stops_submitting_whatever_the_http_status(http_status: int, code: str) -> None:
    assert classify(code, "", http_status) is Verdict.ACCOUNT_WIDE


@pytest.mark.parametrize("code", ["Model.AccessDenied", "App.AccessDenied", "ModelNotFound", "model_not_found"])
def test_a_model_that_one_upload_may_not_use_does_not_stop_the_others(code: str) -> None:
    assert classify(code, "", 403) is Verdict.PERMANENT


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
def test_being_too_fast_is_no_failed_try(code: str) -> None:
    assert classify(code, "Requests rate limit exceeded, please try again later.", 429) is Verdict.THROTTLED


@pytest.mark.parametrize("code", ["Throttling.AllocationQuota", "insufficient_quota"])
def test_a_quota_code_is_understood_by_its_message(code: str) -> None:
    assert classify(code, "Free allocated quota exceeded.", 429) is Verdict.ACCOUNT_WIDE
    assert classify(code, "Too many tokens in this minute, try again later.", 429) is Verdict.THROTTLED


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
def test_a_file_that_the_vendor_could_not_fetch_is_signed_again(code: str) -> None:
    assert classify(code, http_status=400) is Verdict.URL_DIED


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
def test_a_fault_of_the_file_or_the_request_fails_the_job(code: str) -> None:
    assert classify(code) is Verdict.PERMANENT


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
def test_the_vendors_own_trouble_is_tried_again(code: str) -> None:
    assert classify(code, http_status=500) is Verdict.RETRYABLE


@pytest.mark.parametrize("code", ["SUCCESS_WITH_NO_VALID_FRAGMENT", "ASR_RESPONSE_HAVE_NO_WORDS"])
def test_silent_audio_is_no_failure(code: str) -> None:
    assert classify(code, code) is Verdict.NO_SPEECH


@pytest.mark.parametrize(
    ("http_status", "verdict"),
    [
        (None, Verdict.RETRYABLE),
        (200, Verdict.RETRYABLE),
        (400, Verdict.RETRYABLE),
        (401, Verdict.ACCOUNT_WIDE),
        (404, Verdict.RETRYABLE),
        (408, Verdict.RETRYABLE),
        (409, Verdict.RETRYABLE),
        (425, Verdict.RETRYABLE),
        (429, Verdict.THROTTLED),
        (500, Verdict.RETRYABLE),
        (503, Verdict.RETRYABLE),
    ],
)
def test_an_unknown_code_is_classed_by_its_http_status(http_status: int | None, verdict: Verdict) -> None:
    assert classify("SomethingNew", "?", http_status) is verdict


def test_a_new_kind_of_throttling_is_still_throttling() -> None:
    assert classify("Throttling.SomethingNew") is Verdict.THROTTLED


@given(st.text().filter(lambda code: code not in VERDICTS), st.text())
def test_a_code_never_seen_before_does_not_fail_a_recording_at_once(code: str, message: str) -> None:
    assert classify(code, message) in (Verdict.RETRYABLE, Verdict.THROTTLED)
