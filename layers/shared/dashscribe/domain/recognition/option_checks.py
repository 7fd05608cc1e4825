"""Check options against the model catalogue. Each fault is one sentence: what was given, and what is allowed."""

from __future__ import annotations

import json

from pydantic import ValidationError

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
from dashscribe.domain.recognition.profiles import Profile

HOTWORDS_NEED_PRIMARY_WORKSPACE = "HOTWORDS_NEED_PRIMARY_WORKSPACE"
"""The warning of hotwords in a stack that names a workspace: they have no effect in other workspaces than the primary
one (docs/vendor-api.md#hotwords)."""
MIN_ABSOLUTE_VALUE, MAX_ABSOLUTE_VALUE = 1e-100, 1e100
"""The range of numbers that a record in DynamoDB can store."""


def find_model(model: str, family: str | None) -> tuple[ModelSpec | None, str]:
    """Return the model's row, and a fault (or an empty text). Both are given if the declared family is wrong."""
    spec = find_spec(model, family or "")
    families = ", ".join(sorted(FAMILIES))
    if spec is None and family:
        return None, f"Family {quote(family)} of the model {quote(model)} is not known; allowed are {families}."
    if spec is None:
        return None, (
            f"Model {quote(model)} is not in the catalogue; allowed are {', '.join(CATALOGUE)}. "
            f"For a newer model, name its family in a profile: {families}."
        )
    if family and family != spec.family:
        return spec, f"Model {model!r} belongs to the family {spec.family!r}, not {quote(family)}; leave 'family' out."
    return spec, ""


def find_region_fault(spec: ModelSpec, region: Region) -> str:
    if region is Region.OTHER or region in spec.regions:
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
        for name in ("endpoint", "stream", "send", "fallback_model", "fallback_parameters"):
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
    if region is Region.US and (profile.endpoint or spec.endpoints[0]) is Endpoint.OPENAI:
        faults.append("The US region has no OpenAI-compatible endpoint (option 'endpoint'); use 'dashscope'.")
    if profile.stream is False and spec.must_stream:
        faults.append(f"Option 'stream' is false, but {spec.name} always streams; leave it out.")
    return faults


def check_parameters(spec: ModelSpec, given: JsonObject) -> tuple[JsonObject, list[str]]:
    """Return the validated parameters, and the faults. The parameters are empty if any is invalid."""
    try:
        checked = spec.parameters.model_validate(given).model_dump(exclude_none=True)
    except ValidationError as error:
        conflicts = [f"Parameters conflict: {conflict}." for conflict in spec.parameters.find_conflicts(given)]
        return {}, [*_describe_errors(spec, error), *conflicts, *_find_language_faults(spec, given)]
    return checked, [*_find_range_faults(checked), *_find_language_faults(spec, given)]


def find_parameter_warnings(spec: ModelSpec, given: JsonObject, *, has_workspace: bool) -> list[str]:
    """Return the warnings about valid parameters."""
    has_hotwords = given.get("vocabulary_id") or (spec.parameters.prepares_vocabulary and given.get("vocabulary"))
    warnings = [HOTWORDS_NEED_PRIMARY_WORKSPACE] if has_workspace and has_hotwords else []
    return [*spec.parameters.find_warnings(given), *warnings]


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
        f"Parameter {name!r} is {quote(value)}: "
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
                f"Parameter {name!r} has the language codes {quote(unknown)}, which {spec.name} does not support; "
                f"allowed are {', '.join(spec.languages or ())}{''.join(hints)}."
            )
    return faults


def _lower_first(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def quote(value: object) -> str:
    """Shorten a given value, and make it safe to store and to publish."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    short = (text if len(text) <= 80 else text[:77] + "...").encode(errors="replace").decode()
    return repr(short) if isinstance(value, str) else short
