"""The parameters of each model family, checked before a request is sent (docs/vendor-api.md#task-parameters).

Users write DashScope's own names. `to_request_parameters` returns the request's `parameters`. Context and prompt are
sent elsewhere in the request; `requests.py` puts them there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, field_validator, model_validator

from dashscribe.domain.recognition.context import (
    CONTEXT_CUT,
    MAX_TURN_CHARACTERS,
    MAX_TURNS,
    is_cut,
    split_turns,
)
from dashscribe.domain.recognition.vocabulary import PreparedVocabulary

JsonObject = dict[str, Any]  # a JSON object of the vendor or of an uploader, whose shape we do not define

AUDIO_FORMATS = (
    "aac", "amr", "avi", "flac", "flv", "m4a", "mkv", "mov", "mp3", "mp4", "mpeg", "ogg", "opus", "wav", "webm", "wma",
    "wmv",
)  # fmt: skip
"""The formats that the vendor lists (docs/vendor-api.md#file-formats)."""


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


class _DiarizingParameters(ChannelParameters):
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


class _HotwordList(ModelParameters):
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


class _Hinted(ModelParameters):
    """The families that take `language_hints`."""

    language_hints: list[str] | None = Field(default=None, min_length=1, description="language codes")

    @classmethod
    def find_languages(cls, given: JsonObject) -> Mapping[str, list[object]]:
        hints = given.get("language_hints")
        return {"language_hints": hints if isinstance(hints, list) else []}


class _PreparedVocabulary(_HotwordList):
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


class FunAsrParameters(_PreparedVocabulary, _DiarizingParameters, PhraseParameters, _Hinted):
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


class _ParaformerParameters(_DiarizingParameters):
    source: ClassVar[str] = "paraformer-parameters"

    disfluency_removal_enabled: StrictBool | None = Field(default=None, description="remove filler words (false)")
    timestamp_alignment_enabled: StrictBool | None = Field(default=None, description="calibrate the times (false)")


class ParaformerV1Parameters(_ParaformerParameters, PhraseParameters):
    """The first versions of Paraformer (docs/vendor-api.md#paraformer-parameters)."""


class Paraformer8kV2Parameters(_PreparedVocabulary, _ParaformerParameters):
    """paraformer-8k-v2 (docs/vendor-api.md#paraformer-parameters)."""


class ParaformerV2Parameters(Paraformer8kV2Parameters, _Hinted):
    """paraformer-v2, the only Paraformer with language hints (docs/vendor-api.md#paraformer-parameters)."""

    language_hints: list[str] | None = Field(default=None, min_length=1, description='language codes (["zh", "en"])')


class ContextTurn(BaseModel):
    """One message of the conversation before the audio, of a user or an assistant."""

    model_config = STRICT

    role: Literal["user", "assistant"] = "user"
    text: str = Field(min_length=1, max_length=MAX_TURN_CHARACTERS)

    def message(self) -> JsonObject:
        """Return the turn as a message of the request (docs/vendor-api.md#fun-asr-flash-request)."""
        content_type = "input_text" if self.role == "user" else "text"
        return {"role": self.role, "content": [{"type": content_type, "text": self.text}]}


class _ConversationContext(ModelParameters):
    sent_outside_parameters: ClassVar[frozenset[str]] = frozenset({"context"})

    context: list[ContextTurn] | None = Field(
        default=None,
        min_length=1,
        description='names, terms or a summary of the audio: a text, or turns `{"role": "user" or "assistant", '
        '"text": "…"}`. A longer text is split into turns of 400 characters; five turns are sent',
    )

    @field_validator("context", mode="before")
    @classmethod
    def _split_turns(cls, given: object) -> object:
        return split_turns(given)

    @field_validator("context")
    @classmethod
    def _keep_first_turns(cls, turns: list[ContextTurn] | None) -> list[ContextTurn] | None:
        return turns[:MAX_TURNS] if turns else turns

    @classmethod
    def find_warnings(cls, given: JsonObject) -> list[str]:
        return [CONTEXT_CUT] if is_cut(given.get("context")) else []

    def context_messages(self) -> list[JsonObject]:
        return [turn.message() for turn in self.context or []]


_Weight = Annotated[StrictInt, Field(ge=1, le=50)]


class _InstantVocabulary(ModelParameters):
    vocabulary: dict[str, _Weight] | None = Field(
        default=None,
        min_length=1,
        description="hotwords with weights of 1 to 5, or 50 (at most 50 words of weight 50); replaces vocabulary_id",
    )

    @field_validator("vocabulary")
    @classmethod
    def _weights_are_allowed(cls, words: dict[str, int] | None) -> dict[str, int] | None:
        weights = list((words or {}).values())
        not_allowed = sorted({weight for weight in weights if 5 < weight < 50})
        if not_allowed:
            raise ValueError(f"has the weights {not_allowed}; allowed are 1 to 5, or 50")
        if weights.count(50) > 50:
            raise ValueError(f"has {weights.count(50)} words of weight 50; at most 50 are allowed")
        return words


class QwenAudioFiletransParameters(
    _DiarizingParameters, _HotwordList, _InstantVocabulary, _ConversationContext, _Hinted
):
    """qwen-audio-3.x-asr-flash-filetrans (docs/vendor-api.md#qwen-audio-filetrans-parameters)."""

    source: ClassVar[str] = "qwen-audio-filetrans-parameters"

    language_hints: list[str] | None = Field(
        default=None, min_length=1, max_length=4, description="up to 4 language codes (detected)"
    )


class FunAsrFlashParameters(_ConversationContext, _HotwordList, _Hinted):
    """fun-asr-flash-2026-06-15, synchronous (docs/vendor-api.md#fun-asr-flash-request)."""

    source: ClassVar[str] = "fun-asr-flash-request"

    language_hints: list[str] | None = Field(
        default=None, min_length=1, max_length=1, description="one language code (detected)"
    )
    format: str | None = Field(
        default=None,
        min_length=1,
        description=f"the audio format, such as {' '.join(AUDIO_FORMATS)} (the format of the object's extension)",
    )
    sample_rate: str | None = Field(
        default=None,
        pattern=r"^[1-9][0-9]{0,8}$",
        description="the sample rate in Hz, such as 16000 (sent to the vendor as a string)",
    )

    @field_validator("sample_rate", mode="before")
    @classmethod
    def _number_to_text(cls, given: object) -> object:
        return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


class QwenAudioFlashParameters(FunAsrFlashParameters, _InstantVocabulary):
    """qwen-audio-3.x-asr-flash, synchronous (docs/vendor-api.md#qwen-audio-flash)."""

    source: ClassVar[str] = "qwen-audio-flash"

    language_hints: list[str] | None = Field(
        default=None, min_length=1, max_length=4, description="up to 4 language codes (detected)"
    )
