"""The API key and the profiles document. Powertools caches them for 30 seconds, so a change applies within a minute."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.parameters import GetParameterError, SecretsProvider, SSMProvider

from dashscribe.domain.jobs.pause import KEY_MISSING, KEY_UNREADABLE
from dashscribe.domain.recognition.profiles import Profiles
from dashscribe.errors import ErrorClass, ProfilesUnreadable, VendorError
from dashscribe.redaction import register_secret

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ssm import SSMClient

MAX_AGE_SECONDS = 30
PLACEHOLDER = "PLACEHOLDER"
"""The start of a value that is not an API key yet. Tools that must store some value use it."""
NO_VALUE = "ResourceNotFoundException"
"""The error code of Secrets Manager for a secret without a value. MiniStack answers without a value instead."""
NO_PARAMETER = "ParameterNotFound"
"""The error code of Systems Manager for a parameter that does not exist."""


class ApiKey:
    """The DashScope API key in Secrets Manager: a plain string or `{"api_key": "sk-…"}`.

    A key that was read is redacted from every text of this process.
    """

    def __init__(self, client: SecretsManagerClient, secret_arn: str) -> None:
        self._provider = SecretsProvider(boto3_client=client)
        self._secret_arn = secret_arn

    def __call__(self) -> str:
        """Return the key. Raises an account-wide `VendorError` while the secret has no key or cannot be read."""
        try:
            stored = self._provider.get(self._secret_arn, max_age=MAX_AGE_SECONDS)
        except GetParameterError as error:
            if _error_code(error) != NO_VALUE and not isinstance(error.__context__, KeyError):
                raise VendorError(
                    KEY_UNREADABLE, f"The secret {self._secret_arn} cannot be read at present.", ErrorClass.ACCOUNT_WIDE
                ) from error
            stored = ""
        text = stored.decode() if isinstance(stored, bytes) else str(stored)
        key = _parse_key(text.strip())
        if not key or key.startswith(PLACEHOLDER) or not key.isascii() or not key.isprintable() or " " in key:
            raise VendorError(
                KEY_MISSING,
                f"The secret {self._secret_arn} has no API key yet. Store the key in it (as plain text, or as "
                '{"api_key": "sk-…"}); the waiting uploads are then submitted automatically.',
                ErrorClass.ACCOUNT_WIDE,
            )
        register_secret(key)
        return key


def _parse_key(text: str) -> str:
    if not text.startswith("{"):
        return text
    try:
        return str(json.loads(text).get("api_key") or "")
    except ValueError:
        return ""


def _error_code(error: GetParameterError) -> str | None:
    """The AWS error code behind an error of Powertools."""
    response = getattr(error.__context__, "response", None)
    return response["Error"]["Code"] if response else None


class SsmProfiles:
    """`ProfilesSource` on an SSM parameter. A parameter that does not exist means no profiles."""

    def __init__(self, client: SSMClient, parameter_name: str) -> None:
        self._provider = SSMProvider(boto3_client=client)
        self._parameter_name = parameter_name
        self._parsed: tuple[str, Profiles] | None = None
        self._absent_until = 0.0  # Powertools does not cache an absence

    def profiles(self) -> Profiles:
        if time.monotonic() < self._absent_until:
            return Profiles()
        try:
            document = str(self._provider.get(self._parameter_name, max_age=MAX_AGE_SECONDS))
        except GetParameterError as error:
            if _error_code(error) == NO_PARAMETER:
                self._absent_until = time.monotonic() + MAX_AGE_SECONDS
                return Profiles()
            raise ProfilesUnreadable(f"The parameter {self._parameter_name} cannot be read at present.") from error
        if self._parsed is None or self._parsed[0] != document:
            self._parsed = document, Profiles.parse(document)
        return self._parsed[1]
