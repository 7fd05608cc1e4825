"""The settings of each function, read from its environment. Each function has one model."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from dashscribe.domain.recognition.watched_keys import WatchedKeys, parse_list
from dashscribe.domain.transcripts.outputs import parse_outputs
from dashscribe.errors import SettingsError

_HOST_ENTRY = re.compile(
    r"(?:\*?\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?|::1"
)
_DOCKER_HOST = "host.docker.internal"
"""Docker's name of the machine that a container runs on. `sam local invoke` needs it."""


def _is_this_machine(host: str) -> bool:
    if host in ("localhost", _DOCKER_HOST):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read each field from the variable of the same name in upper case.

        Raises `SettingsError`, which names every variable that is missing or invalid.
        """
        try:
            return cls.model_validate(
                {name: environ[name.upper()] for name in cls.model_fields if name.upper() in environ}
            )
        except ValidationError as error:
            faults = "; ".join(f"{str(f['loc'][0]).upper()}: {f['msg']}" for f in error.errors(include_url=False))
            raise SettingsError(f"{cls.__name__}: {faults}") from error


class StackSettings(_Settings):
    """The settings of every function. `dashscope_base_url` has no path and no trailing slash."""

    jobs_table_name: str
    event_bus_name: str
    results_bucket_name: str
    dashscope_base_url: str

    @field_validator("dashscope_base_url")
    @classmethod
    def _check_base_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_this_machine(parts.hostname or "")):
            raise ValueError(
                "DashScopeBaseUrl must begin with https://, because every request contains the API key. "
                "http:// is allowed for a simulator on this machine only: 127.0.0.1, [::1] or localhost."
            )
        return url.rstrip("/")


class VendorSettings(StackSettings):
    """The settings of a function that calls DashScope. An empty workspace means the account's default workspace."""

    dashscope_workspace_id: str = ""
    api_key_secret_arn: str

    @property
    def has_workspace(self) -> bool:
        """Whether the stack names a workspace, in the setting or as a workspace's host."""
        host = urlsplit(self.dashscope_base_url).hostname or ""
        return bool(self.dashscope_workspace_id) or host.endswith(".maas.aliyuncs.com")


class _ResultHosts(_Settings):
    """`result_host_allow_list` is a comma-separated list of hosts that results may be downloaded from.

    An entry is a host suffix (`aliyuncs.com`), or `host:port` for exactly one host, which may then use http.
    """

    result_host_allow_list: str

    @field_validator("result_host_allow_list")
    @classmethod
    def _check_hosts(cls, entries: str) -> str:
        for entry in (entry.strip() for entry in entries.split(",")):
            if entry and not _HOST_ENTRY.fullmatch(entry):
                raise ValueError(
                    f"ResultHostAllowList contains {entry!r}, which is neither a host suffix such as aliyuncs.com nor "
                    "a host with a port such as results.example.com:8443. Write no scheme and no path."
                )
        return entries

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        hosts = (host.strip().lower().lstrip("*.") for host in self.result_host_allow_list.split(","))
        return tuple(host for host in hosts if host)


class _WatchedKeySettings(_Settings):
    """Lists with commas. Empty means every key."""

    media_key_prefixes: tuple[str, ...] = ()
    media_key_suffixes: tuple[str, ...] = ()

    @field_validator("media_key_prefixes", "media_key_suffixes", mode="before")
    @classmethod
    def _parse_list(cls, given: str) -> tuple[str, ...]:
        return parse_list(given)

    @property
    def watched_keys(self) -> WatchedKeys:
        return WatchedKeys(self.media_key_prefixes, self.media_key_suffixes)


class SubmitSettings(_ResultHosts, _WatchedKeySettings, VendorSettings):
    """Settings of functions/submit_transcription. A rate of 0 means the model's own limit from the catalogue."""

    profiles_parameter_name: str
    submit_dead_letter_queue_url: str
    poll_tasks_state_machine_arn: str
    default_model: str
    outputs: tuple[str, ...]
    max_files_per_task: int = Field(ge=1, le=100)
    submit_requests_per_second: float = Field(ge=0)
    query_requests_per_second: float = Field(gt=0)
    presign_expiry_seconds: int = Field(ge=60, le=604800)
    submit_queue_url: str
    synchronous_queue_url: str
    synchronous_mapping_id: str
    asynchronous_models_only: bool

    @field_validator("outputs", mode="before")
    @classmethod
    def _parse_outputs(cls, names: str) -> tuple[str, ...]:
        return parse_outputs(names)


class TranscribeSettings(VendorSettings):
    """Settings of functions/transcribe_audio. A rate of 0 means the model's own limit from the catalogue."""

    profiles_parameter_name: str
    submit_dead_letter_queue_url: str
    poll_tasks_state_machine_arn: str
    submit_requests_per_second: float = Field(ge=0)
    presign_expiry_seconds: int = Field(ge=60, le=604800)


class PollSettings(VendorSettings):
    """Settings of functions/poll_tasks. A submission rate of 0 means the model's own limit from the catalogue."""

    submit_queue_url: str
    submit_dead_letter_queue_url: str
    max_files_per_task: int = Field(ge=1, le=100)
    submit_requests_per_second: float = Field(ge=0)
    query_requests_per_second: float = Field(gt=0)


class FinalizeSettings(_ResultHosts, StackSettings):
    """Settings of functions/finalize_transcription."""


class BackfillSettings(_WatchedKeySettings, StackSettings):
    """Settings of functions/backfill_uploads."""

    media_bucket_name: str
    submit_queue_url: str
    synchronous_queue_url: str
    backfill_files_per_second: float = Field(ge=1)
