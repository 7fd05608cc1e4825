"""Settings that would send the API key unencrypted, or that allow no host, are refused with a clear sentence."""

from __future__ import annotations

import pytest

from dashscribe.errors import SettingsError
from dashscribe.settings import FinalizeSettings

ENVIRON = {"JOBS_TABLE_NAME": "t", "EVENT_BUS_NAME": "b", "RESULTS_BUCKET_NAME": "r"}


def settings(base_url: str = "https://dashscope.aliyuncs.com", hosts: str = "aliyuncs.com") -> FinalizeSettings:
    return FinalizeSettings.from_environ({**ENVIRON, "DASHSCOPE_BASE_URL": base_url, "RESULT_HOST_ALLOW_LIST": hosts})


@pytest.mark.parametrize(
    "base_url",
    [
        "https://dashscope-intl.aliyuncs.com/",
        "HTTPS://dashscope-intl.aliyuncs.com",
        "http://127.0.0.1:8123",
        "http://[::1]:8123",
        "http://localhost:8080",
        "http://host.docker.internal:8080",
    ],
)
def test_a_base_url_with_https_or_on_this_machine_is_accepted(base_url: str) -> None:
    assert settings(base_url).dashscope_base_url == base_url.rstrip("/")


@pytest.mark.parametrize(
    "base_url",
    [
        "http://dashscope.aliyuncs.com",
        "http://127.0.0.1.evil.com",
        "http://localhost.evil.com",
        "http://127.0.0.1@evil.com",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "ftp://localhost",
        "dashscope.aliyuncs.com",
        "",
    ],
)
def test_a_base_url_that_would_send_the_key_unencrypted_is_refused(base_url: str) -> None:
    with pytest.raises(SettingsError, match=r"DASHSCOPE_BASE_URL: .*must begin with https://.*contains the API key"):
        settings(base_url)


@pytest.mark.parametrize(
    ("hosts", "allowed"),
    [
        ("aliyuncs.com", ("aliyuncs.com",)),
        ("*.Aliyuncs.com, .example.com,", ("aliyuncs.com", "example.com")),
        ("aliyuncs.com,127.0.0.1,localhost", ("aliyuncs.com", "127.0.0.1", "localhost")),
        ("results.example.com:8443,[::1]:80,::1", ("results.example.com:8443", "[::1]:80", "::1")),
        ("", ()),
    ],
)
def test_hosts_of_results_may_have_a_port(hosts: str, allowed: tuple[str, ...]) -> None:
    assert settings(hosts=hosts).allowed_hosts == allowed


@pytest.mark.parametrize(
    "entry",
    ["https://aliyuncs.com", "aliyuncs.com/results", "a b.com", "user@aliyuncs.com", "a.com:", "a.com:http", "*"],
)
def test_an_entry_that_is_not_a_host_is_refused_by_name(entry: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(hosts=f"aliyuncs.com,{entry}")
    assert f"RESULT_HOST_ALLOW_LIST: Value error, ResultHostAllowList contains {entry!r}" in str(caught.value)
