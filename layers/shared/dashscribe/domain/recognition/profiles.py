"""The profiles document: named choices of options, and rules that choose one by the key's prefix."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dashscribe.domain.recognition.catalogue import Endpoint
from dashscribe.domain.recognition.parameters import JsonObject
from dashscribe.errors import ProfilesUnreadable

DEFAULT_PROFILE = "default"


class Profile(BaseModel):
    """A named choice of model and parameters. What it leaves out comes from the stack's defaults."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = None
    family: str | None = Field(default=None, description="of a model that the catalogue does not know")
    parameters: JsonObject = Field(default_factory=dict)
    endpoint: Endpoint | None = Field(default=None, description="a synchronous model's way in")
    stream: bool | None = Field(default=None, description="whether a synchronous model answers piece by piece")
    fallback_model: str | None = Field(default=None, description="for what is too large or long for a synchronous one")
    fallback_parameters: JsonObject | None = Field(default=None, description="of the fallback model; else like these")


class PrefixRule(BaseModel):
    """Keys that begin with `prefix` use `profile`. The first rule that matches wins."""

    model_config = ConfigDict(extra="forbid")

    prefix: str
    profile: str


class Profiles(BaseModel):
    """The profiles parameter (SSM, JSON)."""

    model_config = ConfigDict(extra="forbid")

    profiles: dict[str, Profile] = Field(default_factory=dict)
    rules: list[PrefixRule] = Field(default_factory=list)

    @classmethod
    def parse(cls, document: str) -> Profiles:
        """Read the parameter's text. Raises `ProfilesUnreadable` with the place of each error."""
        try:
            profiles = cls.model_validate_json(document)
        except ValidationError as error:
            places = "; ".join(
                f"at {'.'.join(map(str, fault['loc'])) or 'the top'}: {fault['msg']}"
                for fault in error.errors(include_url=False, include_context=False, include_input=False)
            )
            raise ProfilesUnreadable(f"The profiles parameter is broken: {places}.") from error
        unknown = sorted({rule.profile for rule in profiles.rules} - {*profiles.profiles, DEFAULT_PROFILE})
        if unknown:
            raise ProfilesUnreadable(f"The profiles parameter is broken: rules name unknown profiles {unknown}.")
        return profiles
