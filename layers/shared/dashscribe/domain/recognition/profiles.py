"""The profiles document: named sets of options, and rules that select one by the prefix of an object key."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SkipValidation, ValidationError

from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.catalogue import Endpoint
from dashscribe.domain.recognition.encoded_words import BYTE_ORDER_MARK
from dashscribe.domain.recognition.options import DEFAULT_PROFILE
from dashscribe.domain.transcripts.outputs import OUTPUTS
from dashscribe.domain.transcripts.script_rules import SubtitleOptions
from dashscribe.errors import ProfilesUnreadable


class Profile(BaseModel):
    """A named set of options. The stack's defaults apply to absent options."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    model: str | None = None
    family: str | None = Field(default=None, description="the model family of a model that is not in the catalogue")
    parameters: JsonObject = Field(default_factory=dict)
    extra_parameters: JsonObject | None = Field(
        default=None, description="further parameters, which are sent without a check"
    )
    vocabulary: JsonObject | None = Field(
        default=None, description="hotwords with their weights; the same as `vocabulary` in `parameters`"
    )
    context_object: str | None = Field(
        default=None, min_length=1, description="the key of an object of the media bucket whose text is the context"
    )
    prompt_object: str | None = Field(
        default=None, min_length=1, description="the key of an object of the media bucket whose text is the prompt"
    )
    send: Literal["url", "inline"] | None = Field(
        default=None,
        description="how a synchronous model gets the audio: by a presigned URL, or in the request (url)",
    )
    endpoint: Endpoint | None = Field(default=None, description="the endpoint of a synchronous model")
    stream: bool | None = Field(default=None, description="whether a synchronous model streams its reply")
    fallback_model: str | None = Field(
        default=None,
        description="the asynchronous model for recordings that are too large or too long for a synchronous model, or "
        "whose format it refuses",
    )
    fallback_family: str | None = Field(
        default=None, description="the model family of a fallback model that is not in the catalogue"
    )
    fallback_parameters: JsonObject | None = Field(
        default=None, description="parameters of the fallback model (by default, translated from `parameters`)"
    )
    outputs: str | list[str] | None = Field(
        default=None,
        description=f"the files that are rendered, as a list or separated by commas: {', '.join(OUTPUTS)}",
    )
    # Checked with the other options: a fault fails the uploads of this profile, and the others continue.
    subtitles: SkipValidation[SubtitleOptions | None] = Field(
        default=None, description="how subtitles look, and the names of speakers (docs/subtitles.md#options)"
    )


class PrefixRule(BaseModel):
    """Object keys that start with `prefix` use `profile`. The first rule that matches applies."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    prefix: str
    profile: str


class Profiles(BaseModel):
    """The profiles parameter (SSM, JSON)."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    profiles: dict[str, Profile] = Field(default_factory=dict)
    rules: list[PrefixRule] = Field(default_factory=list)

    @property
    def text_objects(self) -> frozenset[str]:
        """The keys of the objects that hold a context or a prompt."""
        named = (key for profile in self.profiles.values() for key in (profile.context_object, profile.prompt_object))
        return frozenset(key for key in named if key)

    @classmethod
    def parse(cls, document: str) -> Profiles:
        """Parse the parameter's text. Raises `ProfilesUnreadable` with the location of each error."""
        try:
            profiles = cls.model_validate_json(document.removeprefix(BYTE_ORDER_MARK))
        except ValidationError as error:
            locations = "; ".join(
                f"at {'.'.join(map(str, fault['loc'])) or 'the top level'}: {fault['msg']}"
                for fault in error.errors(include_url=False, include_context=False, include_input=False)
            )
            raise ProfilesUnreadable(f"The profiles parameter is not valid: {locations}.") from error
        unknown = sorted({rule.profile for rule in profiles.rules} - {*profiles.profiles, DEFAULT_PROFILE})
        if unknown:
            raise ProfilesUnreadable(f"The profiles parameter is not valid: rules name unknown profiles {unknown}.")
        return profiles
