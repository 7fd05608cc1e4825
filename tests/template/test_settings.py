"""The template gives every function exactly the settings that it reads."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from dashscribe.domain.transcripts.outputs import DEFAULT_OUTPUTS, OUTPUTS
from dashscribe.errors import SettingsError
from dashscribe.settings import (
    BackfillSettings,
    FinalizeSettings,
    PollSettings,
    StackSettings,
    SubmitSettings,
    TranscribeSettings,
)

SETTINGS: dict[str, type[StackSettings]] = {
    "SubmitTranscriptionFunction": SubmitSettings,
    "TranscribeAudioFunction": TranscribeSettings,
    "PollTasksFunction": PollSettings,
    "FinalizeTranscriptionFunction": FinalizeSettings,
    "BackfillUploadsFunction": BackfillSettings,
}
RUNTIME_PREFIXES = ("POWERTOOLS_", "PYDANTIC_", "AWS_")

Resources = dict[str, dict[str, Any]]


@pytest.fixture(params=sorted(SETTINGS))
def function(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def variables(template: dict[str, Any], functions: Resources, function: str) -> dict[str, Any]:
    """The environment of a function: the variables of Globals and its own."""
    return {
        **template["Globals"]["Function"]["Environment"]["Variables"],
        **functions[function]["Environment"]["Variables"],
    }


def test_every_function_has_a_settings_model(functions: Resources) -> None:
    assert set(functions) == set(SETTINGS)


def test_a_function_gets_exactly_the_settings_that_it_reads(function: str, variables: dict[str, Any]) -> None:
    given = {name for name in variables if not name.startswith(RUNTIME_PREFIXES)}
    assert given == {name.upper() for name in SETTINGS[function].model_fields}


def test_the_code_accepts_the_defaults_of_the_template(
    template: dict[str, Any], function: str, variables: dict[str, Any]
) -> None:
    parameters = template["Parameters"]

    def value(given: Any) -> str:
        name = given.get("Ref") if isinstance(given, dict) else None
        return str(parameters[name]["Default"]) if name in parameters else "made-by-the-stack"

    settings = SETTINGS[function].from_environ({name: value(given) for name, given in variables.items()})
    assert settings.dashscope_base_url == "https://dashscope-intl.aliyuncs.com"


@pytest.mark.parametrize("bound", ["MinValue", "MaxValue"])
@pytest.mark.parametrize(
    ("parameter", "model", "field"),
    [
        ("MaxFilesPerTask", SubmitSettings, "max_files_per_task"),
        ("SubmitRequestsPerSecond", SubmitSettings, "submit_requests_per_second"),
        ("PresignExpirySeconds", SubmitSettings, "presign_expiry_seconds"),
        ("QueryRequestsPerSecond", PollSettings, "query_requests_per_second"),
        ("BackfillFilesPerSecond", BackfillSettings, "backfill_files_per_second"),
    ],
)
def test_the_code_accepts_every_number_that_the_template_accepts(
    template: dict[str, Any], parameter: str, model: type[StackSettings], field: str, bound: str
) -> None:
    limit = template["Parameters"][parameter].get(bound, 10_000)
    others = {name.upper(): "60" for name in model.model_fields} | {
        "OUTPUTS": "txt",
        "ASYNCHRONOUS_MODELS_ONLY": "false",
    }
    others["DASHSCOPE_BASE_URL"] = "https://dashscope-intl.aliyuncs.com"
    assert getattr(model.from_environ({**others, field.upper(): str(limit)}), field) == limit


def test_the_template_accepts_the_names_of_the_outputs_and_no_others(template: dict[str, Any]) -> None:
    pattern = re.compile(template["Parameters"]["Outputs"]["AllowedPattern"])
    assert pattern.search(",".join(OUTPUTS))
    assert all(pattern.search(name) for name in OUTPUTS)
    assert not any(map(pattern.search, ["", "pdf", "txt,", "txt, srt", "txt,pdf", "TXT"]))
    assert template["Parameters"]["Outputs"]["Default"] == ",".join(DEFAULT_OUTPUTS)


def test_the_error_names_the_missing_settings(function: str) -> None:
    with pytest.raises(SettingsError, match=r"RESULTS_BUCKET_NAME: Field required"):
        SETTINGS[function].from_environ({"JOBS_TABLE_NAME": "t"})


def test_only_the_wiring_reads_the_environment(root: Path) -> None:
    """`wiring.py` passes it to the settings. `__init__.py` only checks whether it runs in Lambda, and `aws_clients.py`
    whether botocore has a local endpoint."""
    readers = set()
    for path in [*(root / "layers/shared/dashscribe").rglob("*.py"), *(root / "functions").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
                readers.add(path.name)
    assert readers == {"wiring.py", "__init__.py", "aws_clients.py"}


def test_powertools_names_each_function_after_its_folder(functions: Resources) -> None:
    names = {
        properties["CodeUri"]: properties["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
        for properties in functions.values()
    }
    assert {uri: uri.removeprefix("functions/") for uri in names} == names
