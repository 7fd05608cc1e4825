"""The API key and the profiles document. Each is kept for `CONFIGURATION_KEPT_SECONDS`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from dashscribe.domain.jobs.pause import CONFIGURATION_KEPT_SECONDS, KEY_MISSING, KEY_UNREADABLE
from dashscribe.domain.recognition.encoded_words import BYTE_ORDER_MARK
from dashscribe.errors import ErrorClass, ProfilesUnreadable, VendorError
from dashscribe.redaction import register_secret

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ssm import SSMClient

    from dashscribe.domain.recognition.profiles import Profiles

PLACEHOLDER = "PLACEHOLDER"
"""The start of a value that is not an API key yet. Tools that must store some value use it."""
NO_VALUE = "ResourceNotFoundException"
"""The error code of Secrets Manager for a secret without a value. MiniStack answers without a value instead."""
NO_PARAMETER = "ParameterNotFound"
"""The error code of Systems Manager for a parameter that does not exist."""


class _Kept:
    """A text that is read again after `CONFIGURATION_KEPT_SECONDS`. An error is not kept."""

    def __init__(self) -> None:
        self._text: tuple[float, str] | None = None

    def get(self, read: Callable[[], str]) -> str:
        now = time.monotonic()
        if self._text is None or now - self._text[0] > CONFIGURATION_KEPT_SECONDS:
            self._text = now, read()
        return self._text[1]


def _code_of(error: ClientError | BotoCoreError) -> str:
    """The error code of AWS; empty if there was no response."""
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else ""


class ApiKey:
    """The DashScope API key in Secrets Manager: a plain string or `{"api_key": "sk-…"}`.

    A key that was read is redacted from every text of this process.
    """

    def __init__(self, client: SecretsManagerClient, secret_arn: str) -> None:
        self._client = client
        self._secret_arn = secret_arn
        self._stored = _Kept()

    def __call__(self) -> str:
        """Return the key. Raises an account-wide `VendorError` while the secret has no key or cannot be read."""
        key = _parse_key(self._stored.get(self._read).strip().removeprefix(BYTE_ORDER_MARK))
        if not key or key.startswith(PLACEHOLDER) or not key.isascii() or not key.isprintable() or " " in key:
            raise self._missing()
        register_secret(key)
        return key

    def _read(self) -> str:
        try:
            reply = self._client.get_secret_value(SecretId=self._secret_arn)
        except (ClientError, BotoCoreError) as error:
            if _code_of(error) == NO_VALUE:
                raise self._missing() from error
            raise VendorError(
                KEY_UNREADABLE, f"The secret {self._secret_arn} cannot be read at present.", ErrorClass.ACCOUNT_WIDE
            ) from error
        if text := reply.get("SecretString") or reply.get("SecretBinary", b"").decode(errors="replace"):
            return text
        raise self._missing()

    def _missing(self) -> VendorError:
        return VendorError(
            KEY_MISSING,
            f"The secret {self._secret_arn} has no API key yet. Store the key in it (as plain text, or as "
            '{"api_key": "sk-…"}); the waiting uploads are then submitted automatically.',
            ErrorClass.ACCOUNT_WIDE,
        )


def _parse_key(text: str) -> str:
    if not text.startswith("{"):
        return text
    try:
        return str(json.loads(text).get("api_key") or "")
    except (ValueError, RecursionError):
        return ""


class SsmProfiles:
    """`ProfilesSource` on an SSM parameter. A parameter that does not exist means no profiles."""

    def __init__(self, client: SSMClient, parameter_name: str) -> None:
        self._client = client
        self._parameter_name = parameter_name
        self._document = _Kept()
        self._parsed: tuple[str, Profiles] | None = None

    def profiles(self) -> Profiles:
        from dashscribe.domain.recognition.profiles import Profiles  # the loop reads the key only

        document = self._document.get(self._read)
        if self._parsed is None or self._parsed[0] != document:
            self._parsed = document, Profiles.parse(document) if document else Profiles()
        return self._parsed[1]

    def _read(self) -> str:
        """The document; empty if there is no such parameter."""
        try:
            return self._client.get_parameter(Name=self._parameter_name)["Parameter"]["Value"]
        except (ClientError, BotoCoreError) as error:
            if _code_of(error) == NO_PARAMETER:
                return ""
            raise ProfilesUnreadable(f"The parameter {self._parameter_name} cannot be read at present.") from error
