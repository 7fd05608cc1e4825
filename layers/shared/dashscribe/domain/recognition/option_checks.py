"""Check options against the model catalogue. Each fault is one sentence: what was given, and what is allowed."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.catalogue import (
    CATALOGUE,
    EQUIVALENT_LANGUAGE_CODES,
    FAMILIES,
    Endpoint,
    ModelSpec,
    Region,
    find_spec,
)
from dashscribe.domain.recognition.profiles import Profile
from dashscribe.domain.recognition.quoting import quote

MIN_ABSOLUTE_VALUE, MAX_ABSOLUTE_VALUE = 1e-100, 1e100
MAX_LEVELS = 20
"""DynamoDB stores at most 32 levels. The record of a job has some around its parameters."""
MAX_DIGITS = 38
MAX_INTEGER = 10**38 - 1
"""The numbers that a record in DynamoDB can store."""


def find_model(model: str, family: str | None, option: str = "family") -> tuple[ModelSpec | None, str]:
    """Return the model's row, and a fault (or an empty text). Both are given if the declared family is wrong.

    `option` is the name of the option that declares the family.
    """
    spec = find_spec(model, family or "")
    families = ", ".join(sorted(FAMILIES))
    if spec is None and family:
        return None, f"Family {quote(family)} of the model {quote(model)} is not known; allowed are {families}."
    if spec is None:
        return None, (
            f"Model {quote(model)} is not in the catalogue; allowed are {', '.join(CATALOGUE)}. "
            f"For a newer model, name its family in a profile: {families} (option {option!r})."
        )
    if family and family != spec.family:
        return (
            spec,
            f"Model {model!r} belongs to the family {spec.family!r}, not {quote(family)}; leave {option!r} out.",
        )
    return spec, ""


def find_region_fault(spec: ModelSpec, region: Region) -> str:
    if region is Region.OTHER or region in spec.regions | spec.disputed_regions:
        return ""
    regions = ", ".join(sorted(spec.regions))
    return (
        f"Model {spec.name!r} is available in {regions} only, but this stack uses the {region} endpoint; choose "
        "another model, or deploy a stack with that region's DashScopeBaseUrl."
    )


def find_call_faults(spec: ModelSpec, profile: Profile, region: Region) -> list[str]:
    """Check the profile's options that only synchronous models have."""
    faults: list[str] = []
    if not spec.is_synchronous:
        for name in ("endpoint", "stream", "send", "fallback_model", "fallback_family", "fallback_parameters"):
            if getattr(profile, name) is not None:
                faults.append(
                    f"Option {name!r} is {quote(getattr(profile, name))}, but {spec.name} is asynchronous and has no "
                    "such option; leave it out."
                )
        return faults
    if profile.endpoint is not None and profile.endpoint not in spec.endpoints:
        faults.append(
            f"Option 'endpoint' is {profile.endpoint.value!r}, but {spec.name} is available on "
            f"{' and '.join(endpoint.value for endpoint in spec.endpoints)} only."
        )
    has_other_endpoint = Endpoint.DASHSCOPE in spec.endpoints
    if region is Region.US and has_other_endpoint and profile.endpoint is Endpoint.OPENAI:
        faults.append("The US region has no OpenAI-compatible endpoint (option 'endpoint'); use 'dashscope'.")
    if profile.stream is False and spec.must_stream:
        faults.append(f"Option 'stream' is false, but {spec.name} always streams; leave it out.")
    return faults


def check_parameters(spec: ModelSpec, given: JsonObject) -> tuple[JsonObject, list[str]]:
    """Return the validated parameters, and the faults. The parameters are empty if any is invalid.

    Unknown parameters of a model that is not in the catalogue are sent without a check.
    """
    deep = [name for name, value in given.items() if _has_too_many_levels(value)]
    if deep:
        return {}, [
            f"Parameter {quote(name)} has more than {MAX_LEVELS} levels of lists and objects, which cannot be stored; "
            "give it with fewer levels."
            for name in deep
        ]
    if not spec.is_in_catalogue:
        given = _move_unknown_parameters(spec, given)
    try:
        checked = spec.parameters.model_validate(given).model_dump(exclude_none=True)
    except ValidationError as error:
        conflicts = [f"Parameters conflict: {conflict}." for conflict in spec.parameters.find_conflicts(given)]
        return {}, [*_describe_errors(spec, error), *conflicts, *_find_language_faults(spec, given)]
    return checked, [*_find_range_faults(checked), *_find_language_faults(spec, given)]


def _has_too_many_levels(value: object) -> bool:
    containers = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_LEVELS):
        inner = [part for each in containers for part in (each.values() if isinstance(each, dict) else each)]
        containers = [part for part in inner if isinstance(part, dict | list)]
        if not containers:
            return False
    return True


def _move_unknown_parameters(spec: ModelSpec, given: JsonObject) -> JsonObject:
    """Move unknown parameters to `extra_parameters`. A parameter that is there already has precedence."""
    known = {name: value for name, value in given.items() if name in spec.parameters.model_fields}
    unknown = {name: value for name, value in given.items() if name not in known}
    extra = known.get("extra_parameters", {})
    return {**known, "extra_parameters": {**unknown, **extra}} if unknown and isinstance(extra, dict) else given


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
            faults.append(f"Parameter {quote(name)} is not known to {spec.name}; allowed are {', '.join(fields)}.")
        else:
            faults.append(
                f"Parameter {quote(location)} is {quote(fault['input'])}: {_lower_first(fault['msg'])}"
                f" (allowed: {fields[name].description if name in fields else 'see the catalogue'})."
            )
    return faults


def _find_range_faults(checked: JsonObject) -> list[str]:
    return [
        f"Parameter {quote(name)} has the number {quote(number)}: its absolute value must be between "
        f"{MIN_ABSOLUTE_VALUE} and {MAX_ABSOLUTE_VALUE}, with at most {MAX_DIGITS} digits."
        for name, value in checked.items()
        for number in _find_numbers(value)
        if number and not _is_storable(number)
    ]


def _find_numbers(value: object) -> Iterator[int | float]:
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _find_numbers(part)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def _is_storable(number: int | float) -> bool:
    if isinstance(number, int):
        return -MAX_INTEGER <= number <= MAX_INTEGER
    return MIN_ABSOLUTE_VALUE <= abs(number) <= MAX_ABSOLUTE_VALUE  # false for NaN


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
                f"Parameter {name!r} has the language codes {quote(unknown)}, which {spec.name} does not support; "
                f"allowed are {', '.join(spec.languages or ())}{''.join(hints)}."
            )
    return faults


def _lower_first(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
