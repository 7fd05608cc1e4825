"""Warnings about options that are accepted, although it is not certain that the vendor accepts them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.catalogue import Endpoint, ModelSpec, Region
from dashscribe.domain.recognition.context import CONTEXT_CUT, MAX_TURN_CHARACTERS, MAX_TURNS

PARAMETERS_NOT_CHECKED = "PARAMETERS_NOT_CHECKED"
"""A parameter that this release does not know is sent, because the catalogue does not have the model."""
HOTWORDS_NEED_PRIMARY_WORKSPACE = "HOTWORDS_NEED_PRIMARY_WORKSPACE"
"""Hotwords in a stack that names a workspace: they have no effect in another workspace than the primary one
(docs/vendor-api.md#hotwords)."""
HOTWORDS_NOT_SENT = "HOTWORDS_NOT_SENT"
"""The fallback model does not get the hotwords of the synchronous model."""
VENDOR_PAGES_DISAGREE = "VENDOR_PAGES_DISAGREE"
"""One page of the vendor allows the option and another does not."""


class OptionWarning(NamedTuple):
    """A warning about an option. The event of the job has the code, and `job.json` also has the message."""

    code: str
    message: str


class OptionWarnings(NamedTuple):
    """The warnings of resolved options: each code once, and every message."""

    codes: tuple[str, ...]
    messages: tuple[str, ...]


def find_warnings(
    spec: ModelSpec,
    checked: JsonObject,
    given: JsonObject,
    region: Region,
    *,
    has_workspace: bool,
    others: Iterable[OptionWarning] = (),
) -> OptionWarnings:
    """Return the warnings about a model's parameters, as they were checked and as they were given, and the others."""
    found = [
        *others,
        *_find_doubts(spec, checked, region),
        *_find_parameter_warnings(spec, given, has_workspace=has_workspace),
    ]
    return OptionWarnings(
        tuple(dict.fromkeys(warning.code for warning in found)), tuple(warning.message for warning in found)
    )


def _find_doubts(spec: ModelSpec, parameters: JsonObject, region: Region) -> tuple[OptionWarning, ...]:
    """Return the warnings about these checked parameters of a model in a region."""
    doubts: list[str] = []
    if region in spec.disputed_regions:
        doubts.append(f"that {spec.name} is available in the region {region} (docs/vendor-api.md#us-region)")
    if region is Region.US and spec.endpoints == (Endpoint.OPENAI,):
        doubts.append(f"that the region {region} has an OpenAI-compatible endpoint (docs/vendor-api.md#us-region)")
    doubts += [
        f"that {spec.name} takes {name} (docs/vendor-api.md#{spec.parameters.source})"
        for name in sorted(spec.parameters.disputed & parameters.keys())
    ]
    for codes in spec.parameters.find_languages(parameters).values():
        doubts += [
            f"that {spec.name} has the language code {code} (docs/vendor-api.md#language-codes)"
            for code in codes
            if code in spec.disputed_languages
        ]
    found = [
        OptionWarning(code=VENDOR_PAGES_DISAGREE, message=f"The vendor's pages disagree {doubt}.") for doubt in doubts
    ]
    unknown = _unchecked(spec, parameters)
    if unknown:
        found.append(
            OptionWarning(
                code=PARAMETERS_NOT_CHECKED,
                message=f"The parameters {', '.join(unknown)} of {spec.name} are sent without a check, because neither "
                "is in the catalogue of this release.",
            )
        )
    return tuple(found)


def _find_parameter_warnings(spec: ModelSpec, given: JsonObject, *, has_workspace: bool) -> list[OptionWarning]:
    """Return the warnings about valid parameters, as they were given, that are not sent whole or may have no effect."""
    has_hotwords = given.get("vocabulary_id") or (spec.parameters.prepares_vocabulary and given.get("vocabulary"))
    found: list[OptionWarning] = []
    if CONTEXT_CUT in spec.parameters.find_warnings(given):
        message = (
            f"The context is longer than {MAX_TURNS} turns of {MAX_TURN_CHARACTERS} characters; the rest is not sent."
        )
        found.append(OptionWarning(code=CONTEXT_CUT, message=message))
    if has_workspace and has_hotwords:
        message = "The stack names a workspace; hotwords have an effect in the primary workspace only."
        found.append(OptionWarning(code=HOTWORDS_NEED_PRIMARY_WORKSPACE, message=message))
    return found


def _unchecked(spec: ModelSpec, parameters: JsonObject) -> list[str]:
    extra = parameters.get("extra_parameters")
    if spec.is_in_catalogue or not isinstance(extra, dict):
        return []
    return sorted(name for name in extra if name not in spec.parameters.model_fields)
