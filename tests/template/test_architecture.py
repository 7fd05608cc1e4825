"""Imports go in one direction: functions → services → domain, and adapters → domain
(docs/architecture.md#rules-that-always-hold)."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "layers/shared/dashscribe"
STANDARD = sys.stdlib_module_names
DOES_IO = "asyncio http logging os shutil socket sqlite3 ssl subprocess tempfile threading urllib.request".split()


def imported(path: Path) -> set[str]:
    """Every module that a file imports, including imports inside functions and imports for types only."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            module = node.module or ""
            found.add(module)
            found |= {f"{module}.{alias.name}" for alias in node.names if module.startswith("dashscribe")}
    return found


def files(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert found
    return found


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def begins_with(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("path", files("layers/shared/dashscribe/domain"), ids=name_of)
def test_the_domain_imports_nothing_that_does_io(path: Path) -> None:
    assert not {
        module
        for module in imported(path)
        if begins_with(module, *DOES_IO)
        or not (
            module.split(".")[0] in STANDARD
            or begins_with(
                module,
                "pydantic",
                "pydantic_core",
                "budoux",
                "dashscribe.domain",
                "dashscribe.errors",
                "dashscribe.redaction",
            )
        )
    }


@pytest.mark.parametrize("module", ["redaction.py", "escapes.py"])
def test_redaction_is_pure(module: str) -> None:
    found = {name for name in imported(PACKAGE / module) if not begins_with(name, "dashscribe.escapes")}
    assert found <= {*STANDARD, "collections.abc", "urllib.parse"} - set(DOES_IO)


@pytest.mark.parametrize("path", files("layers/shared/dashscribe/services"), ids=name_of)
def test_the_services_import_no_adapter_and_no_client(path: Path) -> None:
    assert not {
        module
        for module in imported(path)
        if begins_with(module, "dashscribe.adapters", "dashscribe.wiring", "boto3", "botocore", "httpx", "functions")
        or module.startswith("mypy_boto3")
    }


@pytest.mark.parametrize("path", files("layers/shared/dashscribe/adapters"), ids=name_of)
def test_the_adapters_import_the_ports_but_no_service(path: Path) -> None:
    assert not {
        module
        for module in imported(path)
        if begins_with(module, "dashscribe.services", "dashscribe.wiring", "functions")
        and not begins_with(module, "dashscribe.services.ports")
        and module != "dashscribe.services"
    }


@pytest.mark.parametrize("path", files("functions"), ids=name_of)
def test_a_handler_is_short_and_imports_services_only(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 60
    assert not {
        module
        for module in imported(path)
        if begins_with(module, "dashscribe.adapters", "dashscribe.settings", "boto3", "botocore", "httpx", "os")
    }


@pytest.mark.parametrize("path", files("layers/shared/dashscribe", "functions"), ids=name_of)
def test_the_product_imports_neither_tests_nor_local_tools(path: Path) -> None:
    assert not {module for module in imported(path) if begins_with(module, "tests", "local", "moto", "pytest")}


def test_every_imported_package_is_in_the_layer_or_in_the_lambda_runtime() -> None:
    provided = {
        "boto3",
        "botocore",
        "dashscribe",
        "aws_lambda_powertools",
        "budoux",
        "httpcore",
        "httpx",
        "httpx_sse",
        "pydantic",
        "pydantic_core",
        "tinytag",
        "functions",
    }
    needed = {
        module.split(".")[0]
        for path in files("layers/shared/dashscribe", "functions")
        for module in imported(path)
        if not module.startswith("mypy_boto3")
    }
    assert needed - STANDARD - provided == set()


def pinned(path: str) -> dict[str, str]:
    """The version of each package in a lock file."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (ROOT / path).read_text(), re.MULTILINE))


def test_the_deps_layer_has_our_packages_in_the_versions_that_the_tests_use() -> None:
    """boto3 too: the runtime's own changes without notice, and it signs the URLs."""
    layer, tests = pinned("layers/deps/requirements.txt"), pinned("requirements/dev.txt")
    assert {"aws-lambda-powertools", "boto3", "botocore", "httpx", "pydantic"} <= set(layer)
    assert set(layer) & {"moto", "pytest"} == set()
    assert {name: tests.get(name) for name in layer} == layer
    assert (ROOT / "layers/deps/requirements.txt").read_text().count("--hash=sha256:") >= len(layer)


def test_the_deps_layer_describes_the_aws_services_that_the_functions_use() -> None:
    used = {
        str(call.args[0].value)
        for call in ast.walk(ast.parse((ROOT / "layers/shared/dashscribe/adapters/aws_clients.py").read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "_client"
        if isinstance(call.args[0], ast.Constant)
    }
    [kept] = re.findall(r"^AWS_SERVICES = (.*)$", (ROOT / "layers/deps/Makefile").read_text(), re.MULTILINE)
    assert set(kept.split()) == used


def test_only_one_module_makes_aws_clients() -> None:
    """boto3 is imported nowhere: it would add a tenth to each cold start (docs/performance.md#cold-start)."""
    importing = {
        path.name
        for path in files("layers/shared/dashscribe", "functions")
        for module in imported(path)
        if begins_with(module, "boto3", "botocore.session")
    }
    assert importing == {"aws_clients.py"}
