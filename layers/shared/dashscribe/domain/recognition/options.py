"""The effective options of a job. `option_resolution` finds them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.catalogue import Endpoint, ModelSpec, find_spec
from dashscribe.domain.recognition.quoting import quote
from dashscribe.domain.transcripts.outputs import FIRST_OUTPUTS
from dashscribe.domain.transcripts.script_rules import SubtitleOptions

DEFAULT_PROFILE = "default"
"""The name of the profile of an upload without one."""


class Fallback(BaseModel):
    """The asynchronous model for a recording that is too large or too long for a synchronous model, or whose format it
    refuses."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    model: str
    family: str
    parameters: JsonObject
    warnings: tuple[str, ...] = ()
    warning_messages: tuple[str, ...] = ()


class Options(BaseModel):
    """The effective options of one job, validated. `parameters` have the names and types that users write."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    profile: str
    model: str
    family: str = ""
    parameters: JsonObject
    endpoint: Endpoint | None = None
    stream: bool = False
    fallback: Fallback | None = None
    warnings: tuple[str, ...] = Field(default=(), description="warnings about the options, which the job gets too")
    warning_messages: tuple[str, ...] = Field(default=(), description="what these warnings are about")
    outputs: tuple[str, ...] = Field(default=FIRST_OUTPUTS, description="the files that are rendered (docs/outputs.md)")
    subtitles: SubtitleOptions | None = None
    send: Literal["url", "inline"] = "url"

    @property
    def is_known(self) -> bool:
        """Whether this version knows the model. A job may be older than the version."""
        return find_spec(self.model, self.family) is not None

    @property
    def spec(self) -> ModelSpec:
        spec = find_spec(self.model, self.family)
        if spec is None:
            raise LookupError(f"the model {self.model!r} is not in the catalogue of this version")
        return spec

    @property
    def requested_channels(self) -> int:
        """How many channels are requested. Each one is billed (docs/vendor-api.md#usage)."""
        channels = self.parameters.get("channel_id")
        return len(channels) if isinstance(channels, list) and channels else 1

    def with_fallback_model(self) -> Options:
        """Return the options of the same upload with its fallback model. Raises `LookupError` if there is none."""
        if self.fallback is None:
            raise LookupError(f"the options have no fallback model for {self.model}")
        return Options(
            profile=self.profile,
            model=self.fallback.model,
            family=self.fallback.family,
            parameters=self.fallback.parameters,
            warnings=self.fallback.warnings,
            warning_messages=self.fallback.warning_messages,
            outputs=self.outputs,
            subtitles=self.subtitles,
        )


UNKNOWN_MODEL = "UNKNOWN_MODEL"
"""The error code of options that name a model without a row in the catalogue."""


def find_dropped_model(options: Options | None) -> tuple[str, str] | None:
    """Return the code and the message if a new version of the stack no longer knows the model of these options."""
    if options is None or options.is_known:
        return None
    return UNKNOWN_MODEL, (
        f"This version of dashscribe does not have the model {quote(options.model)}. "
        "Choose another model and upload the file again."
    )


MAX_DIARIZATION_MS = 2 * 3600 * 1000
"""Two hours. Diarization of a longer recording may fail or be wrong (docs/vendor-api.md#diarization)."""


def find_option_warnings(options: Options | None, duration_ms: int | None) -> list[str]:
    """Return the codes of the warnings about the options. Some depend on the duration of the recording."""
    if options is None:
        return []
    found = [*options.warnings]
    if options.parameters.get("diarization_enabled") is True and (duration_ms or 0) > MAX_DIARIZATION_MS:
        found.append("DIARIZATION_OVER_TWO_HOURS")
    return found
