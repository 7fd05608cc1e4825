"""Context and prompt from objects of the media bucket: `context_object` and `prompt_object`.

User metadata holds 2 KB and a profiles parameter 4 or 8 KB, which is less than the context that the vendor takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.catalogue import CATALOGUE, ModelSpec
from dashscribe.domain.recognition.profiles import Profile
from dashscribe.domain.recognition.quoting import quote
from dashscribe.errors import TextUnusable

CONTEXT_OBJECT_KEY = "dashscribe-context-object"
PROMPT_OBJECT_KEY = "dashscribe-prompt-object"
METADATA_KEY_OF_OPTION = {"context_object": CONTEXT_OBJECT_KEY, "prompt_object": PROMPT_OBJECT_KEY}


def read_text_objects(
    spec: ModelSpec,
    profile: Profile,
    metadata: Mapping[str, str],
    given: JsonObject,
    read_text: Callable[[str], str],
) -> tuple[JsonObject, list[str]]:
    """Return the parameters whose text is in an object, and faults.

    `metadata` has the decoded values of the metadata keys, `given` the parameters in the metadata. An object that the
    metadata names replaces the profile's text, and a text in the metadata replaces the profile's object.
    """
    parameters: JsonObject = {}
    faults: list[str] = []
    for option, metadata_key in METADATA_KEY_OF_OPTION.items():
        parameter = _parameter_of(option, spec)
        in_metadata, in_profile = metadata.get(metadata_key), getattr(profile, option)
        if in_metadata:
            name, key, others = f"Metadata {metadata_key!r}", in_metadata, given
        elif in_profile and parameter not in given:
            name, key, others = f"Option {option!r}", in_profile, profile.parameters
        else:
            continue
        if parameter is None:
            faults.append(
                f"{name} is {quote(key)}, but {spec.name} has no such text; models with one: {_models(option)}."
            )
        elif others.get(parameter) is not None:
            faults.append(f"{name} is {quote(key)}, but the parameter {parameter!r} is given too: give one of them.")
        else:
            try:
                parameters[parameter] = read_text(key)
            except TextUnusable as error:
                faults.append(f"{name} is {quote(key)}: {error}")
    return parameters, faults


def _parameter_of(option: str, spec: ModelSpec) -> str | None:
    """The parameter that takes the text: qwen3-asr-flash-filetrans names its context `text`."""
    names = ("prompt",) if option == "prompt_object" else ("context", "text")
    return next((name for name in names if name in spec.parameters.model_fields), None)


def _models(option: str) -> str:
    return ", ".join(name for name, spec in CATALOGUE.items() if _parameter_of(option, spec))
