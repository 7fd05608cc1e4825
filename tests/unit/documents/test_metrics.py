"""docs/metrics.md names every metric, log key and alarm of the stack, and nothing else."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

import pytest
import yaml

from local.stack import ROOT

PAGE = (ROOT / "docs" / "metrics.md").read_text()
PACKAGE = "layers/shared/dashscribe"
LOG_METHODS = {"debug", "info", "warning", "error", "critical", "exception"}
KEY_METHODS = {"append_keys", "thread_safe_append_keys"}
ARGUMENTS_OF_LOGGING = {"exc_info", "stack_info", "stacklevel", "extra"}
METRIC_NAME = re.compile(r"[A-Z][a-z]+([A-Z][a-z]+)+")


def calls(*folders: str) -> Iterator[ast.Call]:
    """Every call in the code of these folders."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield from (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def metrics_in_code() -> set[str]:
    """The first argument of `add_metric`, and the names that a handler passes as keywords to a function that counts."""
    named = {
        str(call.args[0].value)
        for call in calls("functions", PACKAGE)
        if name_of(call) == "add_metric" and call.args and isinstance(call.args[0], ast.Constant)
    }
    counted = {keyword.arg for call in calls("functions") for keyword in call.keywords if keyword.arg}
    return named | {name for name in counted if METRIC_NAME.fullmatch(name)}


def log_keys_in_code() -> set[str]:
    found: set[str] = set()
    for call in calls("functions", PACKAGE):
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        if isinstance(owner, ast.Name) and owner.id == "logger" and name_of(call) in LOG_METHODS | KEY_METHODS:
            found |= {keyword.arg for keyword in call.keywords if keyword.arg}
    return found - ARGUMENTS_OF_LOGGING


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms such as !Ref as what follows them."""


def _short_form(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.MappingNode)
    return loader.construct_mapping(node, deep=True)


_Loader.add_multi_constructor("!", _short_form)


def alarms_in_template() -> set[str]:
    resources = yaml.load((ROOT / "template.yaml").read_text(), _Loader)["Resources"]  # noqa: S506 - a safe loader
    return {name for name, resource in resources.items() if resource["Type"] == "AWS::CloudWatch::Alarm"}


def first_column(heading: str) -> list[str]:
    """The names in the first column of the table under a heading of the page."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    names = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert names, f"docs/metrics.md has no table under {heading!r}"
    return names


@pytest.mark.parametrize(
    ("heading", "in_use"),
    [
        ("Metrics", metrics_in_code),
        ("Log keys", log_keys_in_code),
        ("Alarms", alarms_in_template),
    ],
)
def test_the_page_names_what_is_in_use_and_nothing_else(heading: str, in_use: Callable[[], set[str]]) -> None:
    on_page = first_column(heading)
    assert set(on_page) == in_use()
    assert len(on_page) == len(set(on_page))


def test_every_metric_of_an_alarm_is_in_the_table_of_alarms() -> None:
    rows = PAGE.partition("\n## Alarms\n")[2].partition("\n## ")[0].splitlines()
    resources = yaml.load((ROOT / "template.yaml").read_text(), _Loader)["Resources"]  # noqa: S506 - a safe loader
    for alarm in alarms_in_template():
        [row] = [row for row in rows if row.startswith(f"| `{alarm}` |")]
        assert f"`{resources[alarm]['Properties']['MetricName']}`" in row
