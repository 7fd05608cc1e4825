"""How an upload chooses its model and parameters: stack defaults < prefix rule < the object's own metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from email.errors import MessageError
from email.header import decode_header, make_header

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dashscribe.domain.catalogue import CATALOGUE, JsonObject, ModelSpec, Region
from dashscribe.errors import InvalidOptions, ProfilesUnreadable

METADATA_PREFIX = "dashscribe-"
PROFILE_KEY = "dashscribe-profile"
MODEL_KEY = "dashscribe-model"
PARAMETERS_KEY = "dashscribe-parameters"
METADATA_KEYS = (PROFILE_KEY, MODEL_KEY, PARAMETERS_KEY)
DEFAULT_PROFILE = "default"
SMALLEST_NUMBER, LARGEST_NUMBER = 1e-100, 1e100
"""Far beyond any sense, and within what a record can hold."""
MOST_FAULTS = 20
"""How many a failure names: two kilobytes of metadata can hold a thousand."""


class Profile(BaseModel):
    """A named choice of model and parameters. What it leaves out comes from the stack's defaults."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = None
    parameters: JsonObject = Field(default_factory=dict)


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


class Options(BaseModel):
    """The effective options of one job. `parameters` are as DashScope gets them, already validated."""

    model_config = ConfigDict(frozen=True)

    profile: str
    model: str
    parameters: JsonObject

    @property
    def spec(self) -> ModelSpec:
        return CATALOGUE[self.model]


def resolve_options(
    key: str, metadata: Mapping[str, str], profiles: Profiles, *, default_model: str, region: Region
) -> Options:
    """Lay the three layers over each other and check the outcome against the catalogue.

    `metadata` is the object's user metadata as S3 gives it (names in lower case, without `x-amz-meta-`).
    Raises `InvalidOptions` with every fault at once, each naming the option, what was given and what is allowed.
    """
    faults: list[str] = []
    for name in sorted(metadata):
        if name.startswith(METADATA_PREFIX) and name not in METADATA_KEYS:
            faults.append(f"Metadata {_shown(name)} is not known; known are {', '.join(METADATA_KEYS)}.")

    profile_name = _decoded(metadata.get(PROFILE_KEY)) or next(
        (rule.profile for rule in profiles.rules if key.startswith(rule.prefix)), DEFAULT_PROFILE
    )
    profile = profiles.profiles.get(profile_name)
    if profile is None:
        if profile_name != DEFAULT_PROFILE:
            known = ", ".join(sorted({*profiles.profiles, DEFAULT_PROFILE}))
            faults.append(f"Profile {_shown(profile_name)} ({PROFILE_KEY}) does not exist; there are {known}.")
        profile = Profile()

    model = _decoded(metadata.get(MODEL_KEY)) or profile.model or default_model
    given, fault = _own_parameters(_decoded(metadata.get(PARAMETERS_KEY)))
    if fault:
        faults.append(fault)
    merged = {**profile.parameters, **given}

    spec = CATALOGUE.get(model)
    if spec is None:
        faults.append(f"Model {_shown(model)} is not in the catalogue; there are {', '.join(CATALOGUE)}.")
        raise InvalidOptions(_first(faults), code="UNKNOWN_MODEL" if len(faults) == 1 else "INVALID_OPTIONS")
    if region is not Region.OTHER and region not in spec.regions:
        where = ", ".join(sorted(spec.regions))
        faults.append(
            f"Model {model!r} is served in {where} only, but this stack uses the {region} endpoint; choose another "
            "model, or deploy a stack with that region's DashScopeBaseUrl."
        )
    wire, parameter_faults = _checked(spec, merged)
    faults += parameter_faults
    if faults:
        raise InvalidOptions(_first(faults))
    return Options(profile=profile_name, model=model, parameters=wire)


def _decoded(value: str | None) -> str:
    """S3 gives metadata that is not ASCII back as an RFC 2047 word (`=?UTF-8?B?…?=`)."""
    if not value:
        return ""
    if value.startswith("=?"):
        try:
            return str(make_header(decode_header(value))).strip()
        except (MessageError, LookupError, ValueError):
            return value
    return value.strip()


def _own_parameters(text: str) -> tuple[JsonObject, str | None]:
    if not text:
        return {}, None
    try:
        given = json.loads(text)
        json.dumps(given, ensure_ascii=False).encode()  # half a character (a lone surrogate) can be sent to nobody
    except (ValueError, RecursionError):
        return {}, f'{PARAMETERS_KEY} is not JSON: {_shown(text)}; it must be an object such as {{"channel_id": [0]}}.'
    if not isinstance(given, dict):
        return {}, f'{PARAMETERS_KEY} is {_shown(text)}; it must be a JSON object such as {{"channel_id": [0]}}.'
    return given, None


def _checked(spec: ModelSpec, given: JsonObject) -> tuple[JsonObject, list[str]]:
    faults: list[str] = []
    fields = spec.parameters.model_fields
    wire: JsonObject = {}
    try:
        wire = spec.parameters.model_validate(given).on_the_wire()
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_context=False):
            name = str(fault["loc"][0]) if fault["loc"] else ""
            place = ".".join(map(str, fault["loc"]))
            if fault["type"] == "extra_forbidden" and len(fault["loc"]) == 1:
                faults.append(f"Parameter {_shown(name)} is not one of {spec.name}'s; it takes {', '.join(fields)}.")
            elif not name:
                faults.append(f"Parameters do not fit together: {fault['msg'].removeprefix('Value error, ')}.")
            else:
                faults.append(
                    f"Parameter {_shown(place)} is {_shown(fault['input'])}: {_lowered(fault['msg'])}"
                    f" (allowed: {fields[name].description if name in fields else 'see the catalogue'})."
                )
    for name, value in wire.items():
        if isinstance(value, float) and value and not SMALLEST_NUMBER <= abs(value) <= LARGEST_NUMBER:
            faults.append(
                f"Parameter {name!r} is {_shown(value)}: "
                f"its size must lie between {SMALLEST_NUMBER} and {LARGEST_NUMBER}."
            )
    hints = given.get("language_hints")
    if "language_hints" in fields and isinstance(hints, list):
        unknown = [hint for hint in hints if hint not in spec.languages]
        if unknown:
            faults.append(
                f"Parameter 'language_hints' holds {_shown(unknown)}, which {spec.name} does not know; "
                f"it knows {', '.join(spec.languages)}."
            )
    return wire, faults


def _lowered(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _first(faults: list[str]) -> list[str]:
    left_out = len(faults) - MOST_FAULTS
    return faults if left_out <= 0 else [*faults[:MOST_FAULTS], f"There are {left_out} more such faults."]


def _shown(value: object) -> str:
    """What was given, short, and safe to write down whatever it is."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    short = (text if len(text) <= 80 else text[:77] + "...").encode(errors="replace").decode()
    return repr(short) if isinstance(value, str) else short
