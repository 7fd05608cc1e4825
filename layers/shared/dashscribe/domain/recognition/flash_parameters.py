"""The parameters of the families that take a conversation as context, or hotwords in the request itself."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, Field, StrictInt, field_validator

from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.context import (
    CONTEXT_CUT,
    MAX_TURN_CHARACTERS,
    MAX_TURNS,
    is_cut,
    split_turns,
)
from dashscribe.domain.recognition.media import SUPPORTED_EXTENSIONS
from dashscribe.domain.recognition.parameters import (
    STRICT,
    DiarizingParameters,
    HintedParameters,
    HotwordListParameters,
    ModelParameters,
)


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
    DiarizingParameters, HotwordListParameters, _InstantVocabulary, _ConversationContext, HintedParameters
):
    """qwen-audio-3.x-asr-flash-filetrans (docs/vendor-api.md#qwen-audio-filetrans-parameters)."""

    source: ClassVar[str] = "qwen-audio-filetrans-parameters"

    language_hints: list[str] | None = Field(
        default=None, min_length=1, max_length=4, description="up to 4 language codes (detected)"
    )


class FunAsrFlashParameters(_ConversationContext, HotwordListParameters, HintedParameters):
    """fun-asr-flash-2026-06-15, synchronous (docs/vendor-api.md#fun-asr-flash-request)."""

    source: ClassVar[str] = "fun-asr-flash-request"

    language_hints: list[str] | None = Field(
        default=None, min_length=1, max_length=1, description="one language code (detected)"
    )
    format: str | None = Field(
        default=None,
        min_length=1,
        description=f"the audio format, such as {' '.join(SUPPORTED_EXTENSIONS)} "
        "(the format of the object's extension)",
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
