"""How an upload chooses its model and parameters: stack defaults < prefix rule < the object's own metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from email.errors import MessageError
from email.header import decode_header, make_header

from pydantic import BaseModel, ConfigDict, ValidationError

from dashscribe.domain.recognition.catalogue import (
    CATALOGUE,
    FAMILIES,
    SAME_LANGUAGE,
    Endpoint,
    ModelSpec,
    Region,
    spec_of,
)
from dashscribe.domain.recognition.parameters import JsonObject
from dashscribe.domain.recognition.profiles import DEFAULT_PROFILE, Profile, Profiles
from dashscribe.errors import InvalidOptions

METADATA_PREFIX = "dashscribe-"
PROFILE_KEY = "dashscribe-profile"
MODEL_KEY = "dashscribe-model"
PARAMETERS_KEY = "dashscribe-parameters"
METADATA_KEYS = (PROFILE_KEY, MODEL_KEY, PARAMETERS_KEY)
SMALLEST_NUMBER, LARGEST_NUMBER = 1e-100, 1e100
"""Far beyond any sense, and within what a record can hold."""
MOST_FAULTS = 20
"""How many a failure names: two kilobytes of metadata can hold a thousand."""


class Fallback(BaseModel):
    """The asynchronous model that takes what is too large or too long for a synchronous one."""

    model_config = ConfigDict(frozen=True)

    model: str
    family: str
    parameters: JsonObject


class Options(BaseModel):
    """The effective options of one job, already validated. `parameters` are as users write them."""

    model_config = ConfigDict(frozen=True)

    profile: str
    model: str
    family: str = ""
    parameters: JsonObject
    endpoint: Endpoint | None = None
    stream: bool = False
    fallback: Fallback | None = None

    @property
    def spec(self) -> ModelSpec:
        spec = spec_of(self.model, self.family)
        if spec is None:
            raise LookupError(f"this version does not know the model {self.model!r}")
        return spec

    def fallen_back(self) -> Options:
        """The same upload with its fallback model. Only for options that have one."""
        if self.fallback is None:
            raise LookupError(f"there is no fallback for {self.model}")
        return Options(
            profile=self.profile,
            model=self.fallback.model,
            family=self.fallback.family,
            parameters=self.fallback.parameters,
        )


DIARIZATION_MS = 2 * 3600 * 1000
"""Beyond two hours the vendor's diarization may fail or be wrong (docs/vendor-api.md#diarization)."""


def warnings_of(options: Options | None, duration_ms: int | None) -> list[str]:
    """What the length of a recording, which is known at its end only, makes doubtful of its options."""
    told_apart = options is not None and options.parameters.get("diarization_enabled") is True
    return ["DIARIZATION_OVER_TWO_HOURS"] if told_apart and (duration_ms or 0) > DIARIZATION_MS else []


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

    own_model = _decoded(metadata.get(MODEL_KEY))
    model = own_model or profile.model or default_model
    if own_model and own_model != (profile.model or default_model):
        # What a profile says of the way to its own model means nothing for another one.
        profile = Profile(model=own_model, parameters=profile.parameters)
    given, fault = _own_parameters(_decoded(metadata.get(PARAMETERS_KEY)))
    if fault:
        faults.append(fault)
    merged = {**profile.parameters, **given}

    spec, fault = _known(model, profile.family)
    if spec is None:
        faults.append(fault)
        raise InvalidOptions(_first(faults), code="UNKNOWN_MODEL" if len(faults) == 1 else "INVALID_OPTIONS")
    faults += filter(None, [fault, _region_fault(spec, region)])
    parameters, parameter_faults = _checked(spec, merged)
    faults += parameter_faults
    faults += _way_in_faults(spec, profile, region)
    fallback, fallback_faults = _fallback(spec, profile, merged, region)
    faults += fallback_faults
    if faults:
        raise InvalidOptions(_first(faults))
    return Options(
        profile=profile_name,
        model=model,
        family=spec.family,
        parameters=parameters,
        endpoint=(profile.endpoint or spec.endpoints[0]) if spec.is_synchronous else None,
        stream=spec.is_synchronous and (spec.streams_by_default if profile.stream is None else profile.stream),
        fallback=fallback,
    )


def _known(model: str, family: str | None) -> tuple[ModelSpec | None, str]:
    """The model's row, or the sentence that says why there is none; both when the declared family is another."""
    spec = spec_of(model, family or "")
    families = ", ".join(sorted(FAMILIES))
    if spec is None and family:
        return None, f"Family {_shown(family)} of the model {_shown(model)} is not known; there are {families}."
    if spec is None:
        return None, (
            f"Model {_shown(model)} is not in the catalogue; there are {', '.join(CATALOGUE)}. "
            f"For a newer one, name its family in a profile: {families}."
        )
    if family and family != spec.family:
        return spec, f"Model {model!r} is of the family {spec.family!r}, not {_shown(family)}; leave 'family' out."
    return spec, ""


def _region_fault(spec: ModelSpec, region: Region) -> str:
    if region is Region.OTHER or region in spec.regions:
        return ""
    where = ", ".join(sorted(spec.regions))
    return (
        f"Model {spec.name!r} is served in {where} only, but this stack uses the {region} endpoint; choose another "
        "model, or deploy a stack with that region's DashScopeBaseUrl."
    )


def _way_in_faults(spec: ModelSpec, profile: Profile, region: Region) -> list[str]:
    """What a profile says of endpoint and streaming, which only synchronous models have."""
    faults: list[str] = []
    if not spec.is_synchronous:
        for name in ("endpoint", "stream", "fallback_model", "fallback_parameters"):
            if getattr(profile, name) is not None:
                faults.append(
                    f"Option {name!r} is {_shown(getattr(profile, name))}, but {spec.name} is asynchronous and has no "
                    "such choice; leave it out."
                )
        return faults
    if profile.endpoint is not None and profile.endpoint not in spec.endpoints:
        faults.append(
            f"Option 'endpoint' is {profile.endpoint.value!r}, but {spec.name} answers on "
            f"{' and '.join(endpoint.value for endpoint in spec.endpoints)} only."
        )
    if region is Region.US and (profile.endpoint or spec.endpoints[0]) is Endpoint.OPENAI:
        faults.append("The US region has no OpenAI-compatible endpoint (option 'endpoint'); use 'dashscope'.")
    if profile.stream is False and spec.must_stream:
        faults.append(f"Option 'stream' is false, but {spec.name} only streams; leave it out.")
    return faults


def _fallback(
    spec: ModelSpec, profile: Profile, given: JsonObject, region: Region
) -> tuple[Fallback | None, list[str]]:
    if not spec.is_synchronous:
        return None, []
    if profile.fallback_model is None:
        alone = profile.fallback_parameters is not None
        return None, ["Option 'fallback_parameters' needs 'fallback_model', which is not given."] if alone else []
    sibling, fault = _known(profile.fallback_model, None)
    if sibling is None:
        return None, [f"Option 'fallback_model': {fault}"]
    if sibling.is_synchronous:
        asynchronous = ", ".join(name for name, other in CATALOGUE.items() if not other.is_synchronous)
        return None, [f"Option 'fallback_model' is {sibling.name!r}, which is synchronous; allowed are {asynchronous}."]
    region_fault = _region_fault(sibling, region)
    wanted = profile.fallback_parameters
    parameters, faults = _checked(sibling, like(given, sibling) if wanted is None else wanted)
    faults = [f"Option 'fallback_model': {fault}" for fault in [*filter(None, [region_fault]), *faults]]
    return Fallback(model=sibling.name, family=sibling.family, parameters=parameters), faults


def like(given: JsonObject, sibling: ModelSpec) -> JsonObject:
    """The parameters that mean the same to an asynchronous sibling, under its names. What it lacks is left out."""
    options = given.get("asr_options")
    meant = {**given, **(options if isinstance(options, dict) else {})}
    context, language, hints = meant.get("context"), meant.get("language"), meant.get("language_hints")
    if isinstance(context, str):
        meant["text"] = context
    codes = [language] if language is not None else hints if isinstance(hints, list) else []
    known = [code for code in (_code_for(sibling, code) for code in codes) if code]
    # One code tells the language; several hint at what may be spoken, which `language` cannot say.
    meant["language"], meant["language_hints"] = known[0] if known and len(codes) == 1 else None, known or None
    return {name: meant[name] for name in sibling.parameters.model_fields if meant.get(name) is not None}


def _code_for(sibling: ModelSpec, code: object) -> object:
    """This language's code for that model; None where it does not know the language."""
    same = SAME_LANGUAGE.get(str(code))
    if sibling.languages is None or code in sibling.languages:
        return code
    return same if same in sibling.languages else None


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
    checked: JsonObject = {}
    try:
        checked = spec.parameters.model_validate(given).model_dump(exclude_none=True)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_context=False):
            name = str(fault["loc"][0]) if fault["loc"] else ""
            place = ".".join(map(str, fault["loc"]))
            if not name:
                continue  # what does not fit together is told below, also beside other faults
            if fault["type"] == "extra_forbidden" and len(fault["loc"]) == 1:
                faults.append(f"Parameter {_shown(name)} is not one of {spec.name}'s; it takes {', '.join(fields)}.")
            else:
                faults.append(
                    f"Parameter {_shown(place)} is {_shown(fault['input'])}: {_lowered(fault['msg'])}"
                    f" (allowed: {fields[name].description if name in fields else 'see the catalogue'})."
                )
        faults += [f"Parameters do not fit together: {misfit}." for misfit in spec.parameters.misfits(given)]
    for name, value in checked.items():
        if isinstance(value, float) and value and not SMALLEST_NUMBER <= abs(value) <= LARGEST_NUMBER:
            faults.append(
                f"Parameter {name!r} is {_shown(value)}: "
                f"its size must lie between {SMALLEST_NUMBER} and {LARGEST_NUMBER}."
            )
    for name, codes in spec.parameters.languages_in(given).items():
        unknown = [code for code in codes if spec.languages is not None and code not in spec.languages]
        if unknown:
            other = [
                f"{SAME_LANGUAGE[str(code)]} is its code for {code}" for code in unknown if str(code) in SAME_LANGUAGE
            ]
            faults.append(
                f"Parameter {name!r} holds {_shown(unknown)}, which {spec.name} does not know; "
                f"it knows {', '.join(spec.languages or ())}{''.join(f' ({hint})' for hint in other)}."
            )
    return checked, faults


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
