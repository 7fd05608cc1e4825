"""The options of an upload, and how they are resolved.

The stack's defaults apply first. The profile of a prefix rule overrides them, and the object's own metadata overrides
both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from email.errors import MessageError
from email.header import decode_header, make_header

from pydantic import BaseModel, ConfigDict, ValidationError

from dashscribe.domain.recognition.catalogue import (
    CATALOGUE,
    EQUIVALENT_LANGUAGE_CODES,
    FAMILIES,
    Endpoint,
    ModelSpec,
    Region,
    find_spec,
)
from dashscribe.domain.recognition.parameters import JsonObject
from dashscribe.domain.recognition.profiles import DEFAULT_PROFILE, Profile, Profiles
from dashscribe.errors import InvalidOptions

METADATA_PREFIX = "dashscribe-"
PROFILE_KEY = "dashscribe-profile"
MODEL_KEY = "dashscribe-model"
PARAMETERS_KEY = "dashscribe-parameters"
METADATA_KEYS = (PROFILE_KEY, MODEL_KEY, PARAMETERS_KEY)
MIN_ABSOLUTE_VALUE, MAX_ABSOLUTE_VALUE = 1e-100, 1e100
"""The range of numbers that a record in DynamoDB can store."""
MAX_REPORTED_FAULTS = 20
"""Two kilobytes of metadata can hold a thousand faults. An error message names this many."""


class Fallback(BaseModel):
    """The asynchronous model for a recording that is too large or too long for a synchronous model."""

    model_config = ConfigDict(frozen=True)

    model: str
    family: str
    parameters: JsonObject


class Options(BaseModel):
    """The effective options of one job, validated. `parameters` have the names and types that users write."""

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
        spec = find_spec(self.model, self.family)
        if spec is None:
            raise LookupError(f"the model {self.model!r} is not in the catalogue of this version")
        return spec

    def with_fallback_model(self) -> Options:
        """Return the options of the same upload with its fallback model. Raises `LookupError` if there is none."""
        if self.fallback is None:
            raise LookupError(f"the options have no fallback model for {self.model}")
        return Options(
            profile=self.profile,
            model=self.fallback.model,
            family=self.fallback.family,
            parameters=self.fallback.parameters,
        )


MAX_DIARIZATION_MS = 2 * 3600 * 1000
"""Two hours. Diarization of a longer recording may fail or be wrong (docs/vendor-api.md#diarization)."""


def find_option_warnings(options: Options | None, duration_ms: int | None) -> list[str]:
    """Return warnings about the options that depend on the duration, which is known after recognition only."""
    has_diarization = options is not None and options.parameters.get("diarization_enabled") is True
    return ["DIARIZATION_OVER_TWO_HOURS"] if has_diarization and (duration_ms or 0) > MAX_DIARIZATION_MS else []


def resolve_options(
    key: str, metadata: Mapping[str, str], profiles: Profiles, *, default_model: str, region: Region
) -> Options:
    """Merge the three levels of options and check the result against the catalogue.

    `metadata` is the object's user metadata as S3 returns it: names in lower case, without `x-amz-meta-`.
    Raises `InvalidOptions` with all faults together. Each one names the option, what was given and what is allowed.
    """
    faults = _find_unknown_metadata(metadata)
    profile_name, profile, fault = _select_profile(key, metadata, profiles)
    faults += filter(None, [fault])
    own_model = _decode_metadata(metadata.get(MODEL_KEY))
    model = own_model or profile.model or default_model
    if own_model and own_model != (profile.model or default_model):
        # The profile's other options, such as the endpoint, belong to the profile's own model.
        profile = Profile(model=own_model, parameters=profile.parameters)
    given, fault = _parse_parameters(_decode_metadata(metadata.get(PARAMETERS_KEY)))
    faults += filter(None, [fault])
    merged = {**profile.parameters, **given}

    spec, fault = _find_model(model, profile.family)
    if spec is None:
        faults.append(fault)
        raise InvalidOptions(_limit_faults(faults), code="UNKNOWN_MODEL" if len(faults) == 1 else "INVALID_OPTIONS")
    faults += filter(None, [fault, _find_region_fault(spec, region)])
    parameters, parameter_faults = _check_parameters(spec, merged)
    faults += parameter_faults
    faults += _find_call_faults(spec, profile, region)
    fallback, fallback_faults = _resolve_fallback(spec, profile, merged, region)
    faults += fallback_faults
    if faults:
        raise InvalidOptions(_limit_faults(faults))
    return Options(
        profile=profile_name,
        model=model,
        family=spec.family,
        parameters=parameters,
        endpoint=(profile.endpoint or spec.endpoints[0]) if spec.is_synchronous else None,
        stream=spec.is_synchronous and (spec.streams_by_default if profile.stream is None else profile.stream),
        fallback=fallback,
    )


def _find_unknown_metadata(metadata: Mapping[str, str]) -> list[str]:
    return [
        f"Metadata {_quote(name)} is not known; allowed are {', '.join(METADATA_KEYS)}."
        for name in sorted(metadata)
        if name.startswith(METADATA_PREFIX) and name not in METADATA_KEYS
    ]


def _select_profile(key: str, metadata: Mapping[str, str], profiles: Profiles) -> tuple[str, Profile, str]:
    """Return the profile of an upload, its name, and a fault (or an empty text)."""
    name = _decode_metadata(metadata.get(PROFILE_KEY)) or next(
        (rule.profile for rule in profiles.rules if key.startswith(rule.prefix)), DEFAULT_PROFILE
    )
    profile = profiles.profiles.get(name)
    if profile is not None:
        return name, profile, ""
    fault = ""
    if name != DEFAULT_PROFILE:
        known = ", ".join(sorted({*profiles.profiles, DEFAULT_PROFILE}))
        fault = f"Profile {_quote(name)} ({PROFILE_KEY}) does not exist; existing profiles are {known}."
    return name, Profile(), fault


def _find_model(model: str, family: str | None) -> tuple[ModelSpec | None, str]:
    """Return the model's row, and a fault (or an empty text). Both are given if the declared family is wrong."""
    spec = find_spec(model, family or "")
    families = ", ".join(sorted(FAMILIES))
    if spec is None and family:
        return None, f"Family {_quote(family)} of the model {_quote(model)} is not known; allowed are {families}."
    if spec is None:
        return None, (
            f"Model {_quote(model)} is not in the catalogue; allowed are {', '.join(CATALOGUE)}. "
            f"For a newer model, name its family in a profile: {families}."
        )
    if family and family != spec.family:
        return spec, f"Model {model!r} belongs to the family {spec.family!r}, not {_quote(family)}; leave 'family' out."
    return spec, ""


def _find_region_fault(spec: ModelSpec, region: Region) -> str:
    if region is Region.OTHER or region in spec.regions:
        return ""
    regions = ", ".join(sorted(spec.regions))
    return (
        f"Model {spec.name!r} is available in {regions} only, but this stack uses the {region} endpoint; choose "
        "another model, or deploy a stack with that region's DashScopeBaseUrl."
    )


def _find_call_faults(spec: ModelSpec, profile: Profile, region: Region) -> list[str]:
    """Check the profile's options that only synchronous models have."""
    faults: list[str] = []
    if not spec.is_synchronous:
        for name in ("endpoint", "stream", "fallback_model", "fallback_parameters"):
            if getattr(profile, name) is not None:
                faults.append(
                    f"Option {name!r} is {_quote(getattr(profile, name))}, but {spec.name} is asynchronous and has no "
                    "such option; leave it out."
                )
        return faults
    if profile.endpoint is not None and profile.endpoint not in spec.endpoints:
        faults.append(
            f"Option 'endpoint' is {profile.endpoint.value!r}, but {spec.name} is available on "
            f"{' and '.join(endpoint.value for endpoint in spec.endpoints)} only."
        )
    if region is Region.US and (profile.endpoint or spec.endpoints[0]) is Endpoint.OPENAI:
        faults.append("The US region has no OpenAI-compatible endpoint (option 'endpoint'); use 'dashscope'.")
    if profile.stream is False and spec.must_stream:
        faults.append(f"Option 'stream' is false, but {spec.name} always streams; leave it out.")
    return faults


def _resolve_fallback(
    spec: ModelSpec, profile: Profile, given: JsonObject, region: Region
) -> tuple[Fallback | None, list[str]]:
    if not spec.is_synchronous:
        return None, []
    if profile.fallback_model is None:
        if profile.fallback_parameters is None:
            return None, []
        return None, ["Option 'fallback_parameters' needs 'fallback_model', which is not given."]
    fallback, fault = _find_model(profile.fallback_model, None)
    if fallback is None:
        return None, [f"Option 'fallback_model': {fault}"]
    if fallback.is_synchronous:
        asynchronous = ", ".join(name for name, other in CATALOGUE.items() if not other.is_synchronous)
        return None, [
            f"Option 'fallback_model' is {fallback.name!r}, which is synchronous; allowed are {asynchronous}."
        ]
    region_fault = _find_region_fault(fallback, region)
    own_parameters = profile.fallback_parameters
    parameters, faults = _check_parameters(
        fallback, translate_parameters(given, fallback) if own_parameters is None else own_parameters
    )
    faults = [f"Option 'fallback_model': {fault}" for fault in [*filter(None, [region_fault]), *faults]]
    return Fallback(model=fallback.name, family=fallback.family, parameters=parameters), faults


def translate_parameters(given: JsonObject, fallback: ModelSpec) -> JsonObject:
    """Translate the parameters of a synchronous model to those of its fallback model.

    A parameter that the fallback model does not have is left out.
    """
    options = given.get("asr_options")
    translated = {**given, **(options if isinstance(options, dict) else {})}
    context, language, hints = translated.get("context"), translated.get("language"), translated.get("language_hints")
    if isinstance(context, str):
        translated["text"] = context
    codes = [language] if language is not None else hints if isinstance(hints, list) else []
    known = [code for code in (_translate_language(fallback, code) for code in codes) if code]
    # `language` can only name one language, so several codes are given as `language_hints` only.
    translated["language"] = known[0] if known and len(codes) == 1 else None
    translated["language_hints"] = known or None
    return {name: translated[name] for name in fallback.parameters.model_fields if translated.get(name) is not None}


def _translate_language(fallback: ModelSpec, code: object) -> object:
    """Return the fallback model's code of this language; None if it does not have the language."""
    equivalent = EQUIVALENT_LANGUAGE_CODES.get(str(code))
    if fallback.languages is None or code in fallback.languages:
        return code
    return equivalent if equivalent in fallback.languages else None


def _decode_metadata(value: str | None) -> str:
    """Decode a value that is not ASCII, which S3 returns as an RFC 2047 encoded word (`=?UTF-8?B?…?=`)."""
    if not value:
        return ""
    if value.startswith("=?"):
        try:
            return str(make_header(decode_header(value))).strip()
        except (MessageError, LookupError, ValueError):
            return value
    return value.strip()


def _parse_parameters(text: str) -> tuple[JsonObject, str]:
    """Parse the metadata value with the parameters. The second value is a fault (or an empty text)."""
    if not text:
        return {}, ""
    try:
        given = json.loads(text)
        json.dumps(given, ensure_ascii=False).encode()  # a lone surrogate cannot be sent
    except (ValueError, RecursionError):
        return {}, f'{PARAMETERS_KEY} is not JSON: {_quote(text)}; it must be an object such as {{"channel_id": [0]}}.'
    if not isinstance(given, dict):
        return {}, f'{PARAMETERS_KEY} is {_quote(text)}; it must be a JSON object such as {{"channel_id": [0]}}.'
    return given, ""


def _check_parameters(spec: ModelSpec, given: JsonObject) -> tuple[JsonObject, list[str]]:
    """Return the validated parameters, and the faults. The parameters are empty if any is invalid."""
    try:
        checked = spec.parameters.model_validate(given).model_dump(exclude_none=True)
    except ValidationError as error:
        conflicts = [f"Parameters conflict: {conflict}." for conflict in spec.parameters.find_conflicts(given)]
        return {}, [*_describe_errors(spec, error), *conflicts, *_find_language_faults(spec, given)]
    return checked, [*_find_range_faults(checked), *_find_language_faults(spec, given)]


def _describe_errors(spec: ModelSpec, error: ValidationError) -> list[str]:
    fields = spec.parameters.model_fields
    faults: list[str] = []
    for fault in error.errors(include_url=False, include_context=False):
        if not fault["loc"]:
            continue  # a conflict between parameters, which the caller reports
        name = str(fault["loc"][0])
        location = ".".join(map(str, fault["loc"]))
        if not name:
            continue
        if fault["type"] == "extra_forbidden" and len(fault["loc"]) == 1:
            faults.append(f"Parameter {_quote(name)} is not known to {spec.name}; allowed are {', '.join(fields)}.")
        else:
            faults.append(
                f"Parameter {_quote(location)} is {_quote(fault['input'])}: {_lower_first(fault['msg'])}"
                f" (allowed: {fields[name].description if name in fields else 'see the catalogue'})."
            )
    return faults


def _find_range_faults(checked: JsonObject) -> list[str]:
    return [
        f"Parameter {name!r} is {_quote(value)}: "
        f"its absolute value must be between {MIN_ABSOLUTE_VALUE} and {MAX_ABSOLUTE_VALUE}."
        for name, value in checked.items()
        if isinstance(value, float) and value and not MIN_ABSOLUTE_VALUE <= abs(value) <= MAX_ABSOLUTE_VALUE
    ]


def _find_language_faults(spec: ModelSpec, given: JsonObject) -> list[str]:
    faults: list[str] = []
    for name, codes in spec.parameters.find_languages(given).items():
        unknown = [code for code in codes if spec.languages is not None and code not in spec.languages]
        if unknown:
            hints = [
                f" (use {EQUIVALENT_LANGUAGE_CODES[str(code)]} for {code})"
                for code in unknown
                if str(code) in EQUIVALENT_LANGUAGE_CODES
            ]
            faults.append(
                f"Parameter {name!r} has the language codes {_quote(unknown)}, which {spec.name} does not support; "
                f"allowed are {', '.join(spec.languages or ())}{''.join(hints)}."
            )
    return faults


def _lower_first(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _limit_faults(faults: list[str]) -> list[str]:
    left_out = len(faults) - MAX_REPORTED_FAULTS
    return faults if left_out <= 0 else [*faults[:MAX_REPORTED_FAULTS], f"{left_out} more faults are not shown."]


def _quote(value: object) -> str:
    """Shorten a given value, and make it safe to store and to publish."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    short = (text if len(text) <= 80 else text[:77] + "...").encode(errors="replace").decode()
    return repr(short) if isinstance(value, str) else short
