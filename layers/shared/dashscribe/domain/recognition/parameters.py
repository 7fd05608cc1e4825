"""What each family of models lets its users choose, checked before anything is spent
(docs/vendor-api.md#task-parameters).

Users write DashScope's own names. `on_the_wire` is what goes into the request's `parameters`; what travels elsewhere in
the request (context, prompt) is left out of it and put in its place by `domain/recognition/requests.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, field_validator, model_validator

JsonObject = dict[str, Any]  # JSON as the vendor or an uploader wrote it: its shape is theirs

MOST_CONTEXT_CHARACTERS = 10_000
"""The vendor takes 10,000 tokens (docs/vendor-api.md#qwen3-asr-filetrans-parameters). Metadata (2 KB) and profiles (8
KB) hold less in any case."""
MOST_TURN_CHARACTERS = 400
MOST_TURNS = 5
"""Beyond these the vendor cuts the context without a word (docs/vendor-api.md#fun-asr-flash-request), so more is
refused."""
ITN_LANGUAGES = ("zh", "en")
WORD_LANGUAGES = ("zh", "en", "ja", "ko", "de", "fr", "es", "it", "pt", "ru")
AUDIO_FORMATS = ("aac", "amr", "flac", "m4a", "mp3", "ogg", "opus", "pcm", "speex", "wav", "webm", "wma")


_CHECKED = ConfigDict(extra="forbid", strict=True, defer_build=True)
"""A function needs the parameters of one model, if any: the other families cost no cold start anything."""


class ModelParameters(BaseModel):
    """The base of every family's `parameters`: unknown names are refused, types are not guessed."""

    model_config = _CHECKED
    travels_elsewhere: ClassVar[frozenset[str]] = frozenset()

    def on_the_wire(self) -> JsonObject:
        """As DashScope wants them; what was not given is not sent."""
        return self.model_dump(exclude_none=True, exclude=set(self.travels_elsewhere))

    @classmethod
    def languages_in(cls, given: JsonObject) -> Mapping[str, list[object]]:
        """The language codes that were given, by the name of their parameter. `given` may be wrong in itself."""
        return {}

    @classmethod
    def misfits(cls, given: JsonObject) -> list[str]:
        """What does not fit together, each as a clause. `given` may be wrong in itself too: both are told at once."""
        return []

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        misfits = self.misfits(self.model_dump(exclude_none=True))
        if misfits:
            raise ValueError("; ".join(misfits))
        return self


class _Channels(ModelParameters):
    channel_id: list[Annotated[StrictInt, Field(ge=0, le=31)]] | None = Field(
        default=None, min_length=1, description="0-based audio tracks to transcribe; each is billed on its own ([0])"
    )

    @field_validator("channel_id")
    @classmethod
    def _channels_once(cls, channels: list[int] | None) -> list[int] | None:
        if channels and len(set(channels)) != len(channels):
            raise ValueError("names a track twice, which would be billed twice")
        return channels


class WordList(BaseModel):
    """The words of one rule of `special_word_filter`."""

    model_config = _CHECKED

    word_list: list[str]


class SpecialWordFilter(BaseModel):
    """Sensitive words: starred out, dropped, and whether the vendor's own list applies
    (docs/vendor-api.md#sensitive-word-filter)."""

    model_config = _CHECKED

    filter_with_signed: WordList | None = None
    filter_with_empty: WordList | None = None
    system_reserved_filter: StrictBool | None = None


class _DiarizingParameters(_Channels):
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

    @classmethod
    def misfits(cls, given: JsonObject) -> list[str]:
        diarizes, channels = given.get("diarization_enabled"), given.get("channel_id")
        found = []
        if diarizes is True and isinstance(channels, list) and len(channels) > 1:
            found.append(
                f"diarization_enabled works on one channel, but channel_id names {len(channels)}: name one, or leave "
                "diarization off"
            )
        if given.get("speaker_count") is not None and (diarizes is None or diarizes is False):
            found.append("speaker_count needs diarization_enabled to be true")
        return found

    def on_the_wire(self) -> JsonObject:
        parameters = super().on_the_wire()
        if self.special_word_filter is not None:
            parameters["special_word_filter"] = json.dumps(parameters["special_word_filter"], ensure_ascii=False)
        return parameters


class _Hinted(ModelParameters):
    """The families that take several codes, as `language_hints`."""

    language_hints: list[str] | None = Field(default=None, min_length=1, description="language codes")

    @classmethod
    def languages_in(cls, given: JsonObject) -> Mapping[str, list[object]]:
        hints = given.get("language_hints")
        return {"language_hints": hints if isinstance(hints, list) else []}


class FunAsrParameters(_DiarizingParameters, _Hinted):
    """Fun-ASR (docs/vendor-api.md#fun-asr-parameters)."""

    language_hints: list[str] | None = Field(
        default=None, min_length=1, description="language codes; only the first one is used (detected by itself)"
    )
    speech_noise_threshold: Annotated[float, Field(allow_inf_nan=False)] | None = Field(
        default=None, description="how loud noise may be; the vendor gives no range"
    )


class ParaformerParameters(_DiarizingParameters):
    """Paraformer, every version (docs/vendor-api.md#paraformer-parameters)."""

    disfluency_removal_enabled: StrictBool | None = Field(default=None, description="drop filler words (false)")
    timestamp_alignment_enabled: StrictBool | None = Field(default=None, description="calibrate the times (false)")


class ParaformerV2Parameters(ParaformerParameters, _Hinted):
    """paraformer-v2 alone takes language hints (docs/vendor-api.md#paraformer-parameters)."""

    language_hints: list[str] | None = Field(default=None, min_length=1, description='language codes (["zh", "en"])')


class ContextTurn(BaseModel):
    """One turn of the conversation before the audio: what a user or an assistant said."""

    model_config = _CHECKED

    role: Literal["user", "assistant"] = "user"
    text: str = Field(min_length=1, max_length=MOST_TURN_CHARACTERS)

    def message(self) -> JsonObject:
        """As the vendor wants it: what a user says is an input (docs/vendor-api.md#fun-asr-flash-request)."""
        kind = "input_text" if self.role == "user" else "text"
        return {"role": self.role, "content": [{"type": kind, "text": self.text}]}


class _ConversationContext(ModelParameters):
    travels_elsewhere: ClassVar[frozenset[str]] = frozenset({"context"})

    context: list[ContextTurn] | None = Field(
        default=None,
        min_length=1,
        max_length=MOST_TURNS,
        description="what the audio is about: a text, or up to 5 turns "
        '`{"role": "user" or "assistant", "text": "…"}` of at most 400 characters each',
    )

    @field_validator("context", mode="before")
    @classmethod
    def _a_text_is_one_turn(cls, given: object) -> object:
        return [{"role": "user", "text": given}] if isinstance(given, str) else given

    def context_messages(self) -> list[JsonObject]:
        return [turn.message() for turn in self.context or []]


_Weight = Annotated[StrictInt, Field(ge=1, le=50)]


class _InstantVocabulary(ModelParameters):
    vocabulary: dict[str, _Weight] | None = Field(
        default=None,
        min_length=1,
        description="hotwords with weights of 1 to 5, or 50 (at most 50 words at 50); wins over vocabulary_id",
    )

    @field_validator("vocabulary")
    @classmethod
    def _weights_are_known(cls, words: dict[str, int] | None) -> dict[str, int] | None:
        weights = list((words or {}).values())
        odd = sorted({weight for weight in weights if 5 < weight < 50})
        if odd:
            raise ValueError(f"has the weights {odd}; allowed are 1 to 5, or 50")
        if weights.count(50) > 50:
            raise ValueError(f"has {weights.count(50)} words of weight 50; at most 50 are allowed")
        return words


class QwenAudioFiletransParameters(_DiarizingParameters, _InstantVocabulary, _ConversationContext, _Hinted):
    """qwen-audio-3.x-asr-flash-filetrans (docs/vendor-api.md#qwen-audio-filetrans-parameters)."""

    language_hints: list[str] | None = Field(
        default=None, min_length=1, max_length=4, description="up to 4 language codes (detected by itself)"
    )


def _language_misfit(given: JsonObject, switch: str, languages: tuple[str, ...]) -> list[str]:
    """For a switch that works for some languages only."""
    language = given.get("language")
    if given.get(switch) is not True or not isinstance(language, str) or language in languages:
        return []
    return [f"{switch} works for {', '.join(languages)} only, but language is {language[:20]!r}"]


_ContextText = Annotated[str, Field(min_length=1, max_length=MOST_CONTEXT_CHARACTERS)]


class Qwen3FiletransParameters(_Channels):
    """qwen3-asr-flash-filetrans (docs/vendor-api.md#qwen3-asr-filetrans-parameters)."""

    language: str | None = Field(default=None, description="one language code; leave it out for a mix (detected)")
    enable_itn: StrictBool | None = Field(
        default=None, description='write numbers as digits ("one hundred" becomes "100"); zh and en only (false)'
    )
    enable_words: StrictBool | None = Field(
        default=None, description=f"time every word; for {' '.join(WORD_LANGUAGES)} only (false)"
    )
    text: _ContextText | None = Field(
        default=None, description="what the audio is about: names, terms, a summary; at most 10,000 tokens"
    )

    @classmethod
    def misfits(cls, given: JsonObject) -> list[str]:
        return [
            *_language_misfit(given, "enable_itn", ITN_LANGUAGES),
            *_language_misfit(given, "enable_words", WORD_LANGUAGES),
        ]

    @classmethod
    def languages_in(cls, given: JsonObject) -> Mapping[str, list[object]]:
        language = given.get("language")
        return {"language": [language] if isinstance(language, str) else []}


class AsrOptions(BaseModel):
    """`asr_options` (docs/vendor-api.md#qwen3-asr-flash-request)."""

    model_config = _CHECKED

    language: str | None = None
    enable_itn: StrictBool | None = None


class Qwen3FlashParameters(ModelParameters):
    """qwen3-asr-flash, synchronous, on either endpoint (docs/vendor-api.md#qwen3-asr-flash-request)."""

    travels_elsewhere: ClassVar[frozenset[str]] = frozenset({"context"})

    asr_options: AsrOptions | None = Field(
        default=None,
        description="`language`: one code (detected); `enable_itn`: numbers as digits, zh and en only (false)",
    )
    context: _ContextText | None = Field(
        default=None, description="what the audio is about, sent as the system message; at most 10,000 tokens"
    )

    @classmethod
    def misfits(cls, given: JsonObject) -> list[str]:
        options = given.get("asr_options")
        return _language_misfit(options, "enable_itn", ITN_LANGUAGES) if isinstance(options, dict) else []

    @classmethod
    def languages_in(cls, given: JsonObject) -> Mapping[str, list[object]]:
        options = given.get("asr_options")
        language = options.get("language") if isinstance(options, dict) else None
        return {"asr_options.language": [language] if isinstance(language, str) else []}


class FunAsrFlashParameters(_ConversationContext, _Hinted):
    """fun-asr-flash-2026-06-15, synchronous (docs/vendor-api.md#fun-asr-flash-request)."""

    language_hints: list[str] | None = Field(
        default=None, min_length=1, max_length=1, description="one language code (detected by itself)"
    )
    vocabulary_id: str | None = Field(default=None, min_length=1, description="a hotword list made beforehand")
    format: Literal[AUDIO_FORMATS] | None = Field(  # type: ignore[valid-type]  # the tuple above is the list of them
        default=None, description=f"one of {' '.join(AUDIO_FORMATS)} (the object's extension)"
    )
    sample_rate: str | None = Field(
        default=None,
        pattern=r"^[1-9][0-9]{3,5}$",
        description='in Hz, such as 16000 (the vendor wants it as text: "16000")',
    )

    @field_validator("sample_rate", mode="before")
    @classmethod
    def _rate_may_be_a_number(cls, given: object) -> object:
        return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


class QwenAudioFlashParameters(FunAsrFlashParameters, _InstantVocabulary):
    """qwen-audio-3.x-asr-flash, synchronous (docs/vendor-api.md#qwen-audio-flash)."""

    language_hints: list[str] | None = Field(
        default=None, min_length=1, max_length=4, description="up to 4 language codes (detected by itself)"
    )


class OmniParameters(ModelParameters):
    """Qwen-Omni: a prompt and the audio; what comes back is generated text (docs/vendor-api.md#qwen-omni)."""

    travels_elsewhere: ClassVar[frozenset[str]] = frozenset({"prompt", "context"})

    prompt: str | None = Field(
        default=None,
        min_length=1,
        max_length=MOST_CONTEXT_CHARACTERS,
        description="what to do with the audio (transcribe it word for word, in its own language)",
    )
    context: _ContextText | None = Field(default=None, description="the system message")
    temperature: Annotated[float, Field(ge=0, lt=2)] | None = Field(
        default=None, description="0 to 2; 0 makes the model keep to what it heard"
    )
