"""The parameters of Qwen3-ASR and Qwen-Omni (docs/vendor-api.md#qwen3-asr-filetrans-parameters)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import BaseModel, Field, StrictBool, StrictInt

from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.context import MAX_CONTEXT_CHARACTERS
from dashscribe.domain.recognition.parameters import STRICT, ChannelParameters, ModelParameters

ITN_LANGUAGES = ("zh", "en")
WORD_LANGUAGES = ("zh", "en", "ja", "ko", "de", "fr", "es", "it", "pt", "ru")


def _find_language_conflict(given: JsonObject, switch: str, languages: tuple[str, ...]) -> list[str]:
    """Check a switch that works for some languages only."""
    language = given.get("language")
    if given.get(switch) is not True or not isinstance(language, str) or language in languages:
        return []
    return [f"{switch} works for {', '.join(languages)} only, but language is {language[:20]!r}"]


_ContextText = Annotated[str, Field(min_length=1, max_length=MAX_CONTEXT_CHARACTERS)]


class Qwen3FiletransParameters(ChannelParameters):
    """qwen3-asr-flash-filetrans (docs/vendor-api.md#qwen3-asr-filetrans-parameters)."""

    source: ClassVar[str] = "qwen3-asr-filetrans-parameters"

    language: str | None = Field(
        default=None, description="one language code; leave it out if several languages are spoken (detected)"
    )
    enable_itn: StrictBool | None = Field(
        default=None, description='write numbers as digits ("one hundred" becomes "100"); zh and en only (false)'
    )
    enable_words: StrictBool | None = Field(
        default=None, description=f"give the times of every word; {' '.join(WORD_LANGUAGES)} only (false)"
    )
    text: _ContextText | None = Field(
        default=None, description="context: names, terms or a summary of the audio; at most 10,000 tokens"
    )

    @classmethod
    def find_conflicts(cls, given: JsonObject) -> list[str]:
        return [
            *_find_language_conflict(given, "enable_itn", ITN_LANGUAGES),
            *_find_language_conflict(given, "enable_words", WORD_LANGUAGES),
        ]

    @classmethod
    def find_languages(cls, given: JsonObject) -> Mapping[str, list[object]]:
        language = given.get("language")
        return {"language": [language] if isinstance(language, str) else []}


class AsrOptions(BaseModel):
    """`asr_options` (docs/vendor-api.md#qwen3-asr-flash-request)."""

    model_config = STRICT

    language: str | None = None
    enable_itn: StrictBool | None = None
    enable_lid: StrictBool | None = None


class Qwen3FlashParameters(ModelParameters):
    """qwen3-asr-flash, synchronous, on either endpoint (docs/vendor-api.md#qwen3-asr-flash-request)."""

    source: ClassVar[str] = "qwen3-asr-flash-request"
    sent_outside_parameters: ClassVar[frozenset[str]] = frozenset({"context"})

    asr_options: AsrOptions | None = Field(
        default=None,
        description="`language`: one code (detected); `enable_itn`: numbers as digits, zh and en only (false); "
        "`enable_lid`: detect the language, named by the official SDK only",
    )
    context: _ContextText | None = Field(
        default=None,
        description="names, terms or a summary of the audio, sent as the system message; at most 10,000 tokens",
    )

    @classmethod
    def find_conflicts(cls, given: JsonObject) -> list[str]:
        options = given.get("asr_options")
        return _find_language_conflict(options, "enable_itn", ITN_LANGUAGES) if isinstance(options, dict) else []

    @classmethod
    def find_languages(cls, given: JsonObject) -> Mapping[str, list[object]]:
        options = given.get("asr_options")
        language = options.get("language") if isinstance(options, dict) else None
        return {"asr_options.language": [language] if isinstance(language, str) else []}


_Number = Annotated[float, Field(allow_inf_nan=False)]


class OmniParameters(ModelParameters):
    """Qwen-Omni, which generates text from a prompt and the audio (docs/vendor-api.md#qwen-omni)."""

    source: ClassVar[str] = "qwen-omni"
    sent_outside_parameters: ClassVar[frozenset[str]] = frozenset({"prompt", "context"})

    prompt: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_CONTEXT_CHARACTERS,
        description="the instruction to the model (transcribe the audio word for word, in its own language)",
    )
    context: _ContextText | None = Field(default=None, description="the system message")
    temperature: _Number | None = Field(default=None, description="randomness of the text; 0 is the most literal")
    top_p: _Number | None = Field(default=None, description="the share of likely tokens that the model chooses from")
    max_tokens: Annotated[StrictInt, Field(ge=1)] | None = Field(
        default=None, description="the longest text; a transcript that is cut off fails"
    )
    enable_thinking: StrictBool | None = Field(default=None, description="think before the answer")
