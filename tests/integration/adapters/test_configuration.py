"""The API key and the profiles: every accepted form, errors, and the cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError

from dashscribe.adapters.configuration import ApiKey, SsmProfiles
from dashscribe.domain.jobs.pause import CONFIGURATION_KEPT_SECONDS
from dashscribe.domain.recognition.profiles import Profiles
from dashscribe.errors import ErrorClass, ProfilesUnreadable, VendorError
from dashscribe.redaction import redacted

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ssm import SSMClient


@pytest.fixture
def secrets(aws: None) -> SecretsManagerClient:
    return boto3.client("secretsmanager")


@pytest.fixture
def ssm(aws: None) -> SSMClient:
    return boto3.client("ssm")


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Advance the clock of the cache."""
    now = 1000.0
    monkeypatch.setattr("dashscribe.adapters.configuration.time.monotonic", lambda: now)

    def forward(seconds: float) -> None:
        nonlocal now
        now += seconds

    return forward


def secret(client: SecretsManagerClient, text: str) -> str:
    return client.create_secret(Name="api-key", SecretString=text)["ARN"]


@pytest.mark.parametrize(
    "stored",
    [
        "sk-0123456789abcdef",
        "  sk-0123456789abcdef\n",
        "sk-0123456789abcdef\r\n",
        '{"api_key": "sk-0123456789abcdef"}',
        '\n{\n  "api_key": "sk-0123456789abcdef",\n  "note": "x"\n}\n',
        '\ufeff{"api_key": "sk-0123456789abcdef"}',
    ],
    ids=["plain", "plain with newline", "plain with CRLF", "JSON", "JSON over several lines", "JSON with a BOM"],
)
def test_the_key_is_read_plain_and_from_json(secrets: SecretsManagerClient, stored: str) -> None:
    assert ApiKey(secrets, secret(secrets, stored))() == "sk-0123456789abcdef"


def test_the_key_is_read_from_a_binary_secret(secrets: SecretsManagerClient) -> None:
    arn = secrets.create_secret(Name="api-key", SecretBinary=b"sk-binary")["ARN"]
    assert ApiKey(secrets, arn)() == "sk-binary"


def test_a_binary_secret_that_is_no_text_has_no_key(secrets: SecretsManagerClient) -> None:
    arn = secrets.create_secret(Name="api-key", SecretBinary=b"\xff\xfe")["ARN"]
    with pytest.raises(VendorError, match="API_KEY_MISSING"):
        ApiKey(secrets, arn)()


@pytest.mark.parametrize(
    "stored",
    [
        "PLACEHOLDER - put the DashScope API key here",
        "PLACEHOLDER",
        " ",
        "\n\t ",
        "{}",
        '{"api_key": ""}',
        '{"api_key": null}',
        '{"api_key": "PLACEHOLDER"}',
        '{"key": "sk-0123456789abcdef"}',
        '{"api_key": "sk-0123',
        "sk-0123\nsk-4567",
        "sk-0123 sk-4567",
        "sk-ключ",
        '{"api_key": "sk-0123\\r\\nX-Injected: 1"}',
        '{"api_key": ' + "[" * 20_000,
    ],
)
def test_a_secret_without_a_key_pauses_submissions_and_fails_no_job(secrets: SecretsManagerClient, stored: str) -> None:
    arn = secret(secrets, stored)
    with pytest.raises(VendorError) as caught:
        ApiKey(secrets, arn)()
    assert (caught.value.code, caught.value.error_class) == ("API_KEY_MISSING", ErrorClass.ACCOUNT_WIDE)
    assert arn in caught.value.message
    assert "sk-0123" not in str(caught.value)


def test_an_empty_secret_has_no_key(secrets: SecretsManagerClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "get_secret_value", lambda **_: {"SecretString": ""})
    with pytest.raises(VendorError, match="API_KEY_MISSING"):
        ApiKey(secrets, "arn")()


def test_a_secret_without_a_value_has_no_key(secrets: SecretsManagerClient) -> None:
    """So CloudFormation creates it."""
    arn = secrets.create_secret(Name="api-key")["ARN"]
    with pytest.raises(VendorError, match="API_KEY_MISSING"):
        ApiKey(secrets, arn)()


def test_an_answer_without_a_value_has_no_key(secrets: SecretsManagerClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """MiniStack answers so for a secret that has no value."""
    monkeypatch.setattr(secrets, "get_secret_value", lambda **_: {"VersionId": "1"})
    with pytest.raises(VendorError, match="API_KEY_MISSING"):
        ApiKey(secrets, "arn")()


def test_a_secret_that_may_not_be_read_is_not_a_missing_key(
    secrets: SecretsManagerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: str) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetSecretValue")

    monkeypatch.setattr(secrets, "get_secret_value", refuse)
    with pytest.raises(VendorError, match="API_KEY_UNREADABLE: The secret arn cannot be read at present") as caught:
        ApiKey(secrets, "arn")()
    assert caught.value.error_class is ErrorClass.ACCOUNT_WIDE


def test_a_change_applies_within_a_minute() -> None:
    assert CONFIGURATION_KEPT_SECONDS < 60


def test_a_new_key_is_used_after_the_cached_one_expires(
    secrets: SecretsManagerClient, pass_time: Callable[[float], None]
) -> None:
    arn = secret(secrets, "PLACEHOLDER")
    api_key = ApiKey(secrets, arn)
    with pytest.raises(VendorError):
        api_key()
    secrets.put_secret_value(SecretId=arn, SecretString="sk-first")
    pass_time(CONFIGURATION_KEPT_SECONDS + 1)
    assert api_key() == "sk-first"
    secrets.put_secret_value(SecretId=arn, SecretString='{"api_key": "sk-second"}')
    assert api_key() == "sk-first", "read again before the cache expired, which costs money"
    pass_time(CONFIGURATION_KEPT_SECONDS + 1)
    assert api_key() == "sk-second"


def test_a_key_that_was_read_is_redacted_whatever_it_begins_with(secrets: SecretsManagerClient) -> None:
    arn = secrets.create_secret(Name="key", SecretString="dashscope.5ec7e70123456789")["ARN"]
    assert ApiKey(secrets, arn)() == "dashscope.5ec7e70123456789"
    assert redacted("Incorrect API key provided: dashscope.5ec7e70123456789.") == (
        "Incorrect API key provided: [redacted]."
    )


PROFILES = '{"profiles": {"calls": {"model": "fun-asr"}}, "rules": [{"prefix": "通话/", "profile": "calls"}]}'


def parameter(client: SSMClient, value: str) -> str:
    client.put_parameter(Name="/stack/profiles", Value=value, Type="String", Overwrite=True)
    return "/stack/profiles"


def test_the_profiles_document_is_read(ssm: SSMClient) -> None:
    profiles = SsmProfiles(ssm, parameter(ssm, PROFILES)).profiles()
    assert profiles.profiles["calls"].model == "fun-asr"
    assert [rule.prefix for rule in profiles.rules] == ["通话/"]


def test_a_parameter_that_does_not_exist_means_no_profiles(ssm: SSMClient, pass_time: Callable[[float], None]) -> None:
    source = SsmProfiles(ssm, "/stack/profiles")
    assert source.profiles() == Profiles()
    parameter(ssm, PROFILES)
    assert source.profiles() == Profiles(), "read again before the cache expired"
    pass_time(CONFIGURATION_KEPT_SECONDS + 1)
    assert list(source.profiles().profiles) == ["calls"]


def test_a_parameter_that_may_not_be_read_is_an_error(ssm: SSMClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: str) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetParameter")

    monkeypatch.setattr(ssm, "get_parameter", refuse)
    with pytest.raises(ProfilesUnreadable, match="The parameter /stack/profiles cannot be read at present"):
        SsmProfiles(ssm, "/stack/profiles").profiles()


@pytest.mark.parametrize("document", ["{", "[]", '{"rules": [{"prefix": "a/", "profile": "nobody"}]}', '{"rule": []}'])
def test_an_invalid_profiles_document_is_an_error_each_time(ssm: SSMClient, document: str) -> None:
    source = SsmProfiles(ssm, parameter(ssm, document))
    for _ in range(2):
        with pytest.raises(ProfilesUnreadable):
            source.profiles()


def test_changed_profiles_are_used_after_the_cached_ones_expire(
    ssm: SSMClient, pass_time: Callable[[float], None]
) -> None:
    source = SsmProfiles(ssm, parameter(ssm, PROFILES))
    assert list(source.profiles().profiles) == ["calls"]
    parameter(ssm, '{"profiles": {"new": {}}}')
    assert list(source.profiles().profiles) == ["calls"]
    pass_time(CONFIGURATION_KEPT_SECONDS + 1)
    assert list(source.profiles().profiles) == ["new"]


def test_a_fixed_profiles_document_is_used_after_the_cached_one_expires(
    ssm: SSMClient, pass_time: Callable[[float], None]
) -> None:
    source = SsmProfiles(ssm, parameter(ssm, "broken"))
    with pytest.raises(ProfilesUnreadable):
        source.profiles()
    parameter(ssm, PROFILES)
    pass_time(CONFIGURATION_KEPT_SECONDS + 1)
    assert list(source.profiles().profiles) == ["calls"]
