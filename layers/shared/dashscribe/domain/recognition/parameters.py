"""The parameters of each model family, checked before a request is sent (docs/vendor-api.md#task-parameters).

Users write DashScope's own names. `to_request_parameters` returns the request's `parameters`. Context and prompt are
sent elsewhere in the request; `requests.py` puts them there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, field_validator, model_validator

from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.vocabulary import PreparedVocabulary

STRICT = ConfigDict(extra="forbid", strict=True, defer_build=True)
"""`defer_build` keeps the cold start short: a function uses the parameters of few model families."""


class ModelParameters(BaseModel):
    """The base class of every family's parameters. Unknown names and wrong types are errors.

    `source` is the section of docs/vendor-api.md with the family's parameters. `disputed` has the parameters that one
    of the vendor's pages allows and another does not.
    """

    model_config = STRICT
    source: ClassVar[str] = "task-parameters"
    sent_outside_parameters: ClassVar[frozenset[str]] = frozenset()
    prepares_vocabulary: ClassVar[bool] = False
    """Whether `vocabulary` is sent as the id of a hotword list that is created for it."""
    disputed: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def __init_subclass__(cls, **settings: Any) -> None:
        """A family sends outside `parameters` what any of its base classes does."""
        super().__init_subclass__(**settings)
        families = [base for base in cls.__mro__ if issubclass(base, ModelParameters)]
        cls.sent_outside_parameters = frozenset().union(*(family.sent_outside_parameters for family in families))

    extra_parameters: JsonObject | None = Field(
        default=None, description="an object of further parameters, which is sent without a check"
    )

    def to_request_parameters(self) -> JsonObject:
        """Return the request's `parameters`, without those that were not given."""
        checked = self.model_dump(exclude_none=True, exclude={"extra_parameters", *self.sent_outside_parameters})
        return {**checked, **(self.extra_parameters or {})}

    @classmethod
    def find_languages(cls, given: JsonObject) -> Mapping[str, list[object]]:
        """Return the given language codes by the name of their parameter. `given` may be invalid."""
        return {}

    @classmethod
    def find_warnings(cls, given: JsonObject) -> list[str]:
        """Return the warnings about parameters that are valid but not sent as they were given."""
        return []

    @classmethod
    def find_conflicts(cls, given: JsonObject) -> list[str]:
        """Return the conflicts between parameters, each as a clause.

        `given` may be invalid, so that conflicts and invalid values are reported together.
        """
        return []

    @model_validator(mode="after")
    def _has_no_conflict(self) -> Self:
        conflicts = self.find_conflicts(self.model_dump(exclude_none=True))
        if conflicts:
            raise ValueError("; ".join(conflicts))
        return self


class ChannelParameters(ModelParameters):
    channel_id: list[Annotated[StrictInt, Field(ge=0)]] | None = Field(
        default=None,
        min_length=1,
        description="audio channels to transcribe, counted from 0; each is billed separately ([0])",
    )

    @field_validator("channel_id")
    @classmethod
    def _channels_are_unique(cls, channels: list[int] | None) -> list[int] | None:
        if channels and len(set(channels)) != len(channels):
            raise ValueError("names a channel twice, which would be billed twice")
        return channels


class WordList(BaseModel):
    """The words of one part of `special_word_filter`."""

    model_config = STRICT

    word_list: list[str]


class SpecialWordFilter(BaseModel):
    """Words to replace by asterisks, words to remove, and whether the vendor's own list applies
    (docs/vendor-api.md#sensitive-word-filter)."""

    model_config = STRICT

    filter_with_signed: WordList | None = None
    filter_with_empty: WordList | None = None
    system_reserved_filter: StrictBool | None = None


class DiarizingParameters(ChannelParameters):
    diarization_enabled: StrictBool | None = Field(
        default=None, description="true tells speakers apart; one channel only, at most about 2 hours of audio (false)"
    )
    speaker_count: Annotated[StrictInt, Field(ge=2, le=100)] | None = Field(
        default=None, description="expected number of speakers, 2 to 100; needs diarization_enabled"
    )
    special_word_filter: SpecialWordFilter | None = Field(
        default=None,
        description="words to replace by asterisks or to remove; a JSON object (sent to the vendor as a string)",
    )
    audio_event_detection_enabled: StrictBool | None = Field(
        default=None, description="detect audio events; named by the official SDK only"
    )

    @field_validator("special_word_filter", mode="before")
    @classmethod
    def _parse_filter_text(cls, given: object) -> object:
        if isinstance(given, str):
            try:
                filters = json.loads(given)
                json.dumps(filters, ensure_ascii=False).encode()  # a lone surrogate cannot be sent
            except (ValueError, RecursionError):
                raise ValueError("is text that is not a JSON object") from None
            return filters
        return given

    @classmethod
    def find_conflicts(cls, given: JsonObject) -> list[str]:
        diarizes, channels = given.get("diarization_enabled"), given.get("channel_id")
        found = []
        if diarizes is True and isinstance(channels, list) and len(channels) > 1:
            found.append(
                f"diarization_enabled works on one channel, but channel_id names {len(channels)}: name one channel, or "
                "leave diarization_enabled out"
            )
        if given.get("speaker_count") is not None and (diarizes is None or diarizes is False):
            found.append("speaker_count needs diarization_enabled to be true")
        return found

    def to_request_parameters(self) -> JsonObject:
        parameters = super().to_request_parameters()
        if isinstance(parameters.get("special_word_filter"), dict):
            parameters["special_word_filter"] = json.dumps(parameters["special_word_filter"], ensure_ascii=False)
        return parameters


class HotwordListParameters(ModelParameters):
    vocabulary_id: str | None = Field(default=None, min_length=1, description="the id of an existing hotword list")


class PhraseResource(BaseModel):
    """A list of phrase hotwords, as the request names it."""

    model_config = STRICT

    resource_id: str = Field(min_length=1)
    resource_type: str = "asr_phrase"


class PhraseParameters(ModelParameters):
    """The phrase hotwords of older models (docs/vendor-api.md#phrase-hotwords)."""

    sent_outside_parameters: ClassVar[frozenset[str]] = frozenset({"phrase_id", "resources"})

    phrase_id: str | None = Field(
        default=None, min_length=1, description="the id of a list of phrase hotwords, which older models take"
    )
    resources: list[PhraseResource] | None = Field(
        default=None, min_length=1, description="the same as the request has it: a list with the `resource_id` of each"
    )

    def request_resources(self) -> list[JsonObject]:
        """Return the request's `resources`, which are outside its `parameters`."""
        named = [PhraseResource(resource_id=self.phrase_id)] if self.phrase_id else []
        return [resource.model_dump() for resource in [*named, *(self.resources or [])]]


class HintedParameters(ModelParameters):
    """The families that take `language_hints`."""

    language_hints: list[str] | None = Field(default=None, min_length=1, description="language codes")

    @classmethod
    def find_languages(cls, given: JsonObject) -> Mapping[str, list[object]]:
        hints = given.get("language_hints")
        return {"language_hints": hints if isinstance(hints, list) else []}


class _PreparedVocabulary(HotwordListParameters):
    """The families whose hotwords must be in a list at the vendor (docs/vendor-api.md#hotwords)."""

    sent_outside_parameters: ClassVar[frozenset[str]] = frozenset({"vocabulary"})
    prepares_vocabulary: ClassVar[bool] = True

    vocabulary: PreparedVocabulary | None = Field(
        default=None,
        description="hotwords with weights of 1 to 5 (start with 4), in a profile only: a hotword list is created for "
        "them and its id is sent; at most 500 words",
    )

    @classmethod
    def find_conflicts(cls, given: JsonObject) -> list[str]:
        found = super().find_conflicts(given)
        if given.get("vocabulary") and given.get("vocabulary_id"):
            found.append("vocabulary and vocabulary_id both name hotwords: give one of them")
        return found


class FunAsrParameters(_PreparedVocabulary, DiarizingParameters, PhraseParameters, HintedParameters):
    """Fun-ASR (docs/vendor-api.md#fun-asr-parameters)."""

    source: ClassVar[str] = "fun-asr-parameters"
    disputed: ClassVar[frozenset[str]] = frozenset({"disfluency_removal_enabled"})

    language_hints: list[str] | None = Field(
        default=None, min_length=1, description="language codes; only the first one is used (detected)"
    )
    speech_noise_threshold: Annotated[float, Field(allow_inf_nan=False)] | None = Field(
        default=None, description="the threshold between speech and noise; the vendor documents no range"
    )
    disfluency_removal_enabled: StrictBool | None = Field(
        default=None, description="remove filler words; the vendor's pages disagree whether Fun-ASR can (false)"
    )


class _ParaformerParameters(DiarizingParameters):
    source: ClassVar[str] = "paraformer-parameters"

    disfluency_removal_enabled: StrictBool | None = Field(default=None, description="remove filler words (false)")
    timestamp_alignment_enabled: StrictBool | None = Field(default=None, description="calibrate the times (false)")


class ParaformerV1Parameters(_ParaformerParameters, PhraseParameters):
    """The first versions of Paraformer (docs/vendor-api.md#paraformer-parameters)."""


class Paraformer8kV2Parameters(_PreparedVocabulary, _ParaformerParameters):
    """paraformer-8k-v2 (docs/vendor-api.md#paraformer-parameters)."""


class ParaformerV2Parameters(Paraformer8kV2Parameters, HintedParameters):
    """paraformer-v2, the only Paraformer with language hints (docs/vendor-api.md#paraformer-parameters)."""

    language_hints: list[str] | None = Field(default=None, min_length=1, description='language codes (["zh", "en"])')
