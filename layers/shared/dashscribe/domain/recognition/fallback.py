"""How the fallback model of a synchronous model, and its parameters, are resolved."""

from __future__ import annotations

from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.catalogue import CATALOGUE, EQUIVALENT_LANGUAGE_CODES, ModelSpec, Region
from dashscribe.domain.recognition.option_checks import check_parameters, find_model, find_region_fault
from dashscribe.domain.recognition.option_warnings import HOTWORDS_NOT_SENT, OptionWarning, find_warnings
from dashscribe.domain.recognition.options import Fallback
from dashscribe.domain.recognition.profiles import Profile


def resolve_fallback(
    spec: ModelSpec, profile: Profile, given: JsonObject, region: Region, *, has_workspace: bool = False
) -> tuple[Fallback | None, list[str]]:
    if not spec.is_synchronous:
        return None, []
    if profile.fallback_model is None:
        return None, [
            f"Option {name!r} needs 'fallback_model', which is not given."
            for name in ("fallback_family", "fallback_parameters")
            if getattr(profile, name) is not None
        ]
    fallback, fault = find_model(profile.fallback_model, profile.fallback_family, "fallback_family")
    if fallback is None:
        return None, [f"Option 'fallback_model': {fault}"]
    if fallback.is_synchronous:
        asynchronous = ", ".join(name for name, other in CATALOGUE.items() if not other.is_synchronous)
        return None, [
            f"Option 'fallback_model' is {fallback.name!r}, which is synchronous; allowed are {asynchronous}."
        ]
    region_fault = find_region_fault(fallback, region)
    own_parameters = profile.fallback_parameters
    translated = translate_parameters(given, fallback) if own_parameters is None else own_parameters
    parameters, faults = check_parameters(fallback, translated)
    faults = [f"Option 'fallback_model': {fault}" for fault in [*filter(None, [fault, region_fault]), *faults]]
    lost_hotwords = [] if own_parameters is not None else _find_lost_hotwords(spec, fallback, given, translated)
    warnings = find_warnings(
        fallback, parameters, translated, region, has_workspace=has_workspace, others=lost_hotwords
    )
    return Fallback(
        model=fallback.name,
        family=fallback.family,
        parameters=parameters,
        warnings=warnings.codes,
        warning_messages=warnings.messages,
    ), faults


def translate_parameters(given: JsonObject, fallback: ModelSpec) -> JsonObject:
    """Translate the parameters of a synchronous model to those of its fallback model.

    A parameter that the fallback model does not have is left out. So is a hotword list, because it belongs to one
    model, and so are hotwords for which a list would be created, because the weights of lists differ.
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
    # Both belong to the other model.
    names = fallback.parameters.model_fields.keys() - {"extra_parameters", "vocabulary_id"}
    if fallback.parameters.prepares_vocabulary:
        names -= {"vocabulary"}
    return {name: translated[name] for name in names if translated.get(name) is not None}


def _find_lost_hotwords(
    spec: ModelSpec, fallback: ModelSpec, given: JsonObject, translated: JsonObject
) -> list[OptionWarning]:
    has_hotwords = given.get("vocabulary") or given.get("vocabulary_id")
    if not has_hotwords or translated.get("vocabulary"):
        return []
    message = (
        f"The hotwords of {spec.name} are not sent to {fallback.name}: a list belongs to one model. Give the fallback "
        "model's own parameters as 'fallback_parameters'."
    )
    return [OptionWarning(code=HOTWORDS_NOT_SENT, message=message)]


def _translate_language(fallback: ModelSpec, code: object) -> object:
    """Return the fallback model's code of this language; None if it does not have the language."""
    equivalent = EQUIVALENT_LANGUAGE_CODES.get(str(code))
    if fallback.languages is None or code in fallback.languages:
        return code
    return equivalent if equivalent in fallback.languages else None
