"""The models: one table from which everything else follows.

What a model is called, which shape its request has, its parameters, languages, regions, prices and limits.
A new model is a new row; a new family is its parameters, its `RequestShape` and the reader of its result.
Sources: API reference sections 2 (models, parameters, languages, limits), 4 (rates) and 9 (prices).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, field_validator, model_validator

JsonObject = dict[str, Any]  # JSON as the vendor or an uploader wrote it: its shape is theirs
TRANSCRIPTION_PATH = "/api/v1/services/audio/asr/transcription"
TASKS_PATH = "/api/v1/tasks"


class Region(StrEnum):
    """Where DashScope runs. A key and a task belong to one region."""

    INTERNATIONAL = "international"
    BEIJING = "beijing"
    US = "us"
    OTHER = "other"  # a host that we cannot place (a private deployment, a simulator): nothing is refused for it


_REGION_OF_HOST = {
    "dashscope-intl.aliyuncs.com": Region.INTERNATIONAL,
    "dashscope.aliyuncs.com": Region.BEIJING,
    "dashscope-us.aliyuncs.com": Region.US,
}
_REGION_OF_WORKSPACE_HOST = {
    "ap-southeast-1": Region.INTERNATIONAL,
    "cn-beijing": Region.BEIJING,
    "us-east-1": Region.US,
}


def region_of(base_url: str) -> Region:
    """The region of a DashScope host, classic or `{WorkspaceId}.{region}.maas.aliyuncs.com` (API reference 1.1)."""
    try:
        host = (urlsplit(base_url).hostname or "").lower()
    except ValueError:
        return Region.OTHER
    if host.endswith(".maas.aliyuncs.com"):
        return _REGION_OF_WORKSPACE_HOST.get(host.split(".")[-4], Region.OTHER)
    return _REGION_OF_HOST.get(host, Region.OTHER)


class RequestShape(StrEnum):
    """How a submission carries its files."""

    FILE_URLS = "file_urls"  # input.file_urls, answered by output.results[] and usage.duration
    # The families to come: FILE_URL (qwen3-asr-flash-filetrans: input.file_url, output.result, usage.seconds) and the
    # synchronous ones, which need no task.


class ModelParameters(BaseModel):
    """The base of every family's `parameters`: unknown names are refused, types are not guessed."""

    model_config = ConfigDict(extra="forbid", strict=True)

    channel_id: list[Annotated[StrictInt, Field(ge=0, le=31)]] | None = Field(
        default=None, min_length=1, description="0-based audio tracks to transcribe; each is billed on its own ([0])"
    )

    @field_validator("channel_id")
    @classmethod
    def _channels_once(cls, channels: list[int] | None) -> list[int] | None:
        if channels and len(set(channels)) != len(channels):
            raise ValueError("names a track twice, which would be billed twice")
        return channels

    def on_the_wire(self) -> JsonObject:
        """As DashScope wants them; what was not given is not sent."""
        return self.model_dump(exclude_none=True)


class WordList(BaseModel):
    """The words of one rule of `special_word_filter`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    word_list: list[str]


class SpecialWordFilter(BaseModel):
    """Sensitive words: starred out, dropped, and whether the vendor's own list applies (seed 003)."""

    model_config = ConfigDict(extra="forbid", strict=True)

    filter_with_signed: WordList | None = None
    filter_with_empty: WordList | None = None
    system_reserved_filter: StrictBool | None = None


class _DiarizingParameters(ModelParameters):
    diarization_enabled: StrictBool | None = Field(
        default=None, description="tell speakers apart; one channel only, at most about 2 hours of audio (false)"
    )
    speaker_count: Annotated[StrictInt, Field(ge=2, le=100)] | None = Field(
        default=None, description="expected number of speakers, 2 to 100; needs diarization_enabled"
    )
    special_word_filter: SpecialWordFilter | None = Field(
        default=None, description="words to star out or to drop; an object here, a JSON string on the wire"
    )
    vocabulary_id: str | None = Field(default=None, min_length=1, description="a hotword list made beforehand")

    @field_validator("special_word_filter", mode="before")
    @classmethod
    def _filter_may_be_text(cls, given: object) -> object:
        if isinstance(given, str):
            try:
                filters = json.loads(given)
                json.dumps(filters, ensure_ascii=False).encode()  # half a character can be sent to nobody
            except (ValueError, RecursionError):
                raise ValueError("is text that is no JSON object") from None
            return filters
        return given

    @model_validator(mode="after")
    def _diarization_fits(self) -> _DiarizingParameters:
        if self.diarization_enabled and self.channel_id is not None and len(self.channel_id) > 1:
            raise ValueError(
                f"diarization_enabled works on one channel, but channel_id is {self.channel_id}: name one, or leave "
                "diarization off"
            )
        if self.speaker_count is not None and not self.diarization_enabled:
            raise ValueError("speaker_count needs diarization_enabled to be true")
        return self

    def on_the_wire(self) -> JsonObject:
        parameters = super().on_the_wire()
        if self.special_word_filter is not None:
            parameters["special_word_filter"] = json.dumps(parameters["special_word_filter"], ensure_ascii=False)
        return parameters


class FunAsrParameters(_DiarizingParameters):
    """Fun-ASR (API reference 2.3)."""

    language_hints: list[str] | None = Field(
        default=None, min_length=1, description="language codes; only the first one is used (detected by itself)"
    )
    speech_noise_threshold: Annotated[float, Field(allow_inf_nan=False)] | None = Field(
        default=None, description="how loud noise may be; the vendor gives no range"
    )


class ParaformerParameters(_DiarizingParameters):
    """Paraformer, every version (API reference 2.3)."""

    disfluency_removal_enabled: StrictBool | None = Field(default=None, description="drop filler words (false)")
    timestamp_alignment_enabled: StrictBool | None = Field(default=None, description="calibrate the times (false)")


class ParaformerV2Parameters(ParaformerParameters):
    """paraformer-v2 alone takes language hints (API reference 2.3)."""

    language_hints: list[str] | None = Field(default=None, min_length=1, description='language codes (["zh", "en"])')


_FUN_ASR_LANGUAGES = tuple(
    "zh en ja ko vi th id ms tl hi ar fr de es pt ru it nl sv da fi no el pl cs hu ro bg hr sk"
    " et ga lv lt mt sl".split()
)
"""The newest list and seed 003's together (API reference 2.4): what either document allows is let through."""
_SNAPSHOT_LANGUAGES = ("zh", "en")
_PARAFORMER_V2_LANGUAGES = tuple("zh en ja yue ko de fr ru".split())


@dataclass(frozen=True)
class ModelSpec:
    """One row of the catalogue.

    `languages` is what `language_hints` may hold (empty: the model takes no hints). Prices are USD for a second of
    speech in one channel. Rates are requests per second for the whole account.
    """

    name: str
    family: str
    parameters: type[ModelParameters]
    regions: frozenset[Region]
    languages: tuple[str, ...]
    usd_per_second: Mapping[Region, float]
    submit_requests_per_second: float
    shape: RequestShape = RequestShape.FILE_URLS
    max_files_per_task: int = 100
    max_size_bytes: int = 2 * 1024**3
    max_duration_seconds: int = 12 * 3600
    note: str = ""

    def price(self, region: Region) -> float:
        """USD per second; for a region that we cannot place, the dearest one, so that an estimate is never too low."""
        return self.usd_per_second.get(region, max(self.usd_per_second.values()))


_EVERYWHERE = frozenset({Region.INTERNATIONAL, Region.BEIJING})
_BEIJING_ONLY = frozenset({Region.BEIJING})
_FUN_ASR_PRICE = MappingProxyType({Region.INTERNATIONAL: 0.000035, Region.BEIJING: 0.000032})
_PARAFORMER_PRICE = MappingProxyType({Region.BEIJING: 0.000012})


def _fun_asr(name: str, languages: tuple[str, ...] = _FUN_ASR_LANGUAGES, note: str = "") -> ModelSpec:
    return ModelSpec(name, "fun-asr", FunAsrParameters, _EVERYWHERE, languages, _FUN_ASR_PRICE, 10, note=note)


def _paraformer(
    name: str,
    languages: tuple[str, ...] = (),
    parameters: type[ModelParameters] = ParaformerParameters,
    note: str = "",
) -> ModelSpec:
    return ModelSpec(name, "paraformer", parameters, _BEIJING_ONLY, languages, _PARAFORMER_PRICE, 20, note=note)


CATALOGUE: Mapping[str, ModelSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            _fun_asr("fun-asr", note="the stable name of fun-asr-2025-11-07"),
            _fun_asr("fun-asr-2025-11-07"),
            _fun_asr("fun-asr-2025-08-25", _SNAPSHOT_LANGUAGES),
            _fun_asr("fun-asr-mtl", note="the stable name of fun-asr-mtl-2025-08-25"),
            _fun_asr("fun-asr-mtl-2025-08-25"),
            _paraformer("paraformer-v2", _PARAFORMER_V2_LANGUAGES, ParaformerV2Parameters),
            _paraformer("paraformer-8k-v2", note="Chinese telephone speech, 8 kHz"),
            _paraformer("paraformer-v1", note="legacy"),
            _paraformer("paraformer-8k-v1", note="legacy; Chinese telephone speech, 8 kHz"),
            _paraformer("paraformer-mtl-v1", note="legacy; several languages, 16 kHz or more"),
        )
    }
)
