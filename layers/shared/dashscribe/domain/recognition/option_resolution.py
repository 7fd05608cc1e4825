"""How the options of an upload are resolved.

The stack's defaults apply first. The profile of a prefix rule overrides them, and the object's own metadata overrides
both.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.catalogue import Region
from dashscribe.domain.recognition.encoded_words import BYTE_ORDER_MARK, decode_encoded_words
from dashscribe.domain.recognition.fallback import resolve_fallback
from dashscribe.domain.recognition.option_checks import (
    check_parameters,
    find_call_faults,
    find_model,
    find_region_fault,
)
from dashscribe.domain.recognition.option_warnings import find_warnings
from dashscribe.domain.recognition.options import DEFAULT_PROFILE, UNKNOWN_MODEL, Options
from dashscribe.domain.recognition.output_options import check_subtitles, resolve_outputs
from dashscribe.domain.recognition.profiles import Profile, Profiles
from dashscribe.domain.recognition.quoting import quote
from dashscribe.domain.recognition.text_objects import CONTEXT_OBJECT_KEY, PROMPT_OBJECT_KEY, read_text_objects
from dashscribe.domain.recognition.vocabulary import MAX_LISTS
from dashscribe.domain.transcripts.outputs import DEFAULT_OUTPUTS
from dashscribe.errors import InvalidOptions, TextUnusable

METADATA_PREFIX = "dashscribe-"
PROFILE_KEY = "dashscribe-profile"
MODEL_KEY = "dashscribe-model"
PARAMETERS_KEY = "dashscribe-parameters"
OUTPUTS_KEY = "dashscribe-outputs"
METADATA_KEYS = (PROFILE_KEY, MODEL_KEY, PARAMETERS_KEY, OUTPUTS_KEY, CONTEXT_OBJECT_KEY, PROMPT_OBJECT_KEY)
MAX_REPORTED_FAULTS = 20
"""Two kilobytes of metadata can hold a thousand faults. An error message names this many."""


def _no_text_object(key: str) -> str:
    raise TextUnusable(f"The object {key} cannot be read here.")


def resolve_options(
    key: str,
    metadata: Mapping[str, str],
    profiles: Profiles,
    *,
    default_model: str,
    region: Region,
    default_outputs: tuple[str, ...] = DEFAULT_OUTPUTS,
    read_text: Callable[[str], str] = _no_text_object,
    has_workspace: bool = False,
) -> Options:
    """Merge the three levels of options and check the result against the catalogue.

    `metadata` is the object's user metadata as S3 returns it: names in lower case, without `x-amz-meta-`. `read_text`
    returns the text of an object of the media bucket, by its key. `has_workspace`: the stack names a workspace.
    Raises `InvalidOptions` with all faults together. Each one names the option, what was given and what is allowed.
    """
    faults = _find_unknown_metadata(metadata)
    profile_name, profile, fault = _select_profile(key, metadata, profiles)
    faults += filter(None, [fault])
    outputs, output_faults = resolve_outputs(
        _decode_metadata(metadata.get(OUTPUTS_KEY)), OUTPUTS_KEY, profile, default_outputs
    )
    subtitles, subtitle_faults = check_subtitles(profile)
    faults += output_faults + subtitle_faults
    own_model = _decode_metadata(metadata.get(MODEL_KEY))
    model = own_model or profile.model or default_model
    if own_model and own_model != (profile.model or default_model):
        # The profile's other options, such as the endpoint, belong to the profile's own model.
        kept = profile.model_dump(include={"parameters", "vocabulary", "context_object", "prompt_object"})
        profile = Profile(model=own_model, **kept)
    given, fault = _parse_parameters(_decode_metadata(metadata.get(PARAMETERS_KEY)))
    faults += filter(None, [fault])
    of_profile = _merge_parameters({"vocabulary": profile.vocabulary}, _parameters_of(profile))
    merged = _merge_parameters(of_profile, given)

    spec, fault = find_model(model, profile.family)
    if spec is None:
        faults.append(fault)
        raise InvalidOptions(_limit_faults(faults), code=UNKNOWN_MODEL if len(faults) == 1 else "INVALID_OPTIONS")
    faults += filter(None, [fault, find_region_fault(spec, region)])
    named = {name: _decode_metadata(metadata.get(name)) for name in (CONTEXT_OBJECT_KEY, PROMPT_OBJECT_KEY)}
    texts, text_faults = read_text_objects(spec, profile, named, given, read_text)
    merged |= texts
    faults += text_faults
    parameters, parameter_faults = check_parameters(spec, merged)
    faults += parameter_faults
    if spec.parameters.prepares_vocabulary and given.get("vocabulary"):
        faults.append(
            f"Parameter 'vocabulary' of {spec.name} is in {PARAMETERS_KEY}; it is allowed in a profile only, because a "
            f"hotword list is created for each content and an account has at most {MAX_LISTS}."
        )
    faults += find_call_faults(spec, profile, region)
    fallback, fallback_faults = resolve_fallback(spec, profile, merged, region, has_workspace=has_workspace)
    faults += fallback_faults
    if faults:
        raise InvalidOptions(_limit_faults(faults))
    warnings = find_warnings(spec, parameters, merged, region, has_workspace=has_workspace)
    return Options(
        profile=profile_name,
        model=model,
        family=spec.family,
        parameters=parameters,
        endpoint=(profile.endpoint or spec.endpoints[0]) if spec.is_synchronous else None,
        stream=spec.is_synchronous and (spec.streams_by_default if profile.stream is None else profile.stream),
        fallback=fallback,
        warnings=warnings.codes,
        warning_messages=warnings.messages,
        outputs=outputs,
        subtitles=subtitles,
        send=profile.send or "url",
    )


def _parameters_of(profile: Profile) -> JsonObject:
    extra = profile.extra_parameters
    return profile.parameters if extra is None else {**profile.parameters, "extra_parameters": extra}


def _merge_parameters(weaker: JsonObject, stronger: JsonObject) -> JsonObject:
    """Lay parameters over those of a weaker level.

    A null removes a parameter. Switching diarization off also removes the weaker level's options of it, and a hotword
    list replaces hotwords.
    """
    merged = {**weaker, **stronger}
    if stronger.get("diarization_enabled", True) in (False, None) and "speaker_count" not in stronger:
        merged.pop("speaker_count", None)
    for name, other in (("vocabulary", "vocabulary_id"), ("vocabulary_id", "vocabulary")):
        if stronger.get(name) is not None and other not in stronger:
            merged.pop(other, None)
    return {name: value for name, value in merged.items() if value is not None}


def _find_unknown_metadata(metadata: Mapping[str, str]) -> list[str]:
    return [
        f"Metadata {quote(name)} is not known; allowed are {', '.join(METADATA_KEYS)}."
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
        fault = f"Profile {quote(name)} ({PROFILE_KEY}) does not exist; existing profiles are {known}."
    return name, Profile(), fault


def _decode_metadata(value: str | None) -> str:
    """Decode a metadata value without blanks around it and without a byte order mark."""
    return decode_encoded_words(value or "").strip().removeprefix(BYTE_ORDER_MARK).strip()


def _parse_parameters(text: str) -> tuple[JsonObject, str]:
    """Parse the metadata value with the parameters. The second value is a fault (or an empty text)."""
    if not text:
        return {}, ""
    try:
        given = json.loads(text)
        json.dumps(given, ensure_ascii=False).encode()  # a lone surrogate cannot be sent
    except (ValueError, RecursionError):
        return {}, f'{PARAMETERS_KEY} is not JSON: {quote(text)}; it must be an object such as {{"channel_id": [0]}}.'
    if not isinstance(given, dict):
        return {}, f'{PARAMETERS_KEY} is {quote(text)}; it must be a JSON object such as {{"channel_id": [0]}}.'
    return given, ""


def _limit_faults(faults: list[str]) -> list[str]:
    left_out = len(faults) - MAX_REPORTED_FAULTS
    return faults if left_out <= 0 else [*faults[:MAX_REPORTED_FAULTS], f"{left_out} more faults are not shown."]
