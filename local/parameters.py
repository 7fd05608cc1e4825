"""Checks template parameters before a deployment, which takes minutes on AWS to report the same errors."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from dashscribe.domain.recognition.catalogue import CATALOGUE, Region, region_of
from local.processes import StackError

TEMPLATE = Path(__file__).resolve().parent.parent / "template.yaml"


class _IgnoreTags(yaml.SafeLoader):
    """Reads a template without its functions (`!Ref`, `!Sub`, …): the section Parameters contains none."""


_IgnoreTags.add_multi_constructor("!", lambda *_: None)


def parse_parameters(text: str, base_url: str = "") -> dict[str, str]:
    """The parameters that `Name=value …` gives. Raises `StackError` for one that the template would refuse.

    `base_url` is the DashScopeBaseUrl where the text gives none; without it, the template's default.
    """
    try:
        parts = shlex.split(text)
    except ValueError as error:
        raise StackError(f"PARAMETERS cannot be read ({error}): {text}") from None
    parameters: dict[str, str] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        if not equals or not name:
            raise StackError(f"PARAMETERS holds {part!r}; write Name=value, such as PARAMETERS='MaxFilesPerTask=1'.")
        parameters[name] = value
    check_parameters(parameters, base_url)
    return parameters


def check_parameters(parameters: Mapping[str, str], base_url: str = "") -> None:
    """Raise `StackError` for an unknown name, a value outside its bounds, or a default model that cannot work."""
    declared: dict[str, dict[str, Any]] = yaml.load(TEMPLATE.read_text(), _IgnoreTags)["Parameters"]  # noqa: S506
    faults = [
        f"{name} is not a parameter of the template; the parameters are {', '.join(sorted(declared))}."
        for name in parameters
        if name not in declared
    ]
    faults += [
        f"{name} is {value!r}, but {fault}."
        for name, value in parameters.items()
        if (fault := _fault(declared.get(name, {}), value))
    ]
    model = parameters.get("DefaultModel")
    if model is not None:
        url = parameters.get("DashScopeBaseUrl") or base_url or declared["DashScopeBaseUrl"]["Default"]
        faults += filter(None, [_model_fault(model, region_of(url))])
    if faults:
        raise StackError("\n".join(faults))


def _fault(declared: Mapping[str, Any], value: str) -> str:
    allowed = [str(choice) for choice in declared.get("AllowedValues", [])]
    if allowed and value not in allowed:
        return f"allowed are {', '.join(allowed)}"
    pattern = declared.get("AllowedPattern")
    if pattern and not re.fullmatch(pattern, value):
        return f"it must be {declared.get('ConstraintDescription', f'like {pattern}')}"
    if declared.get("Type") != "Number":
        return ""
    try:
        number = float(value)
    except ValueError:
        return "it must be a number"
    least, most = declared.get("MinValue"), declared.get("MaxValue")
    if least is not None and number < least:
        return f"it must be at least {least}"
    if most is not None and number > most:
        return f"it must be at most {most}"
    return ""


def _model_fault(model: str, region: Region) -> str:
    spec = CATALOGUE.get(model)
    if spec is None:
        return f"DefaultModel is {model!r}, which is not in the catalogue; its models are {', '.join(CATALOGUE)}."
    if region is not Region.OTHER and region not in spec.regions:
        return (
            f"DefaultModel is {model!r}, which is available in {', '.join(sorted(spec.regions))} only; "
            f"DashScopeBaseUrl is the {region} endpoint."
        )
    return ""
