"""The mutants that mutmut generated: what each one changes, and whether a user could notice it.

mutmut writes the original and every mutant of a function as functions of one file. Their syntax trees are compared.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path

SEPARATOR = "ǁ"
"""mutmut's separator between `x`, the class and the method in a mutant's name."""
SENTENCE = re.compile(r"^[A-Z'`({ ].*[a-z,] [a-z].* [a-z]|[a-z] [a-z].* [a-z].*[.,;:] ?$")
"""Three words or more that begin like a sentence or end like one."""
CASELESS_NAMES = frozenset(
    {"GET", "POST", "Authorization", "Content-Encoding", "Content-Type", "Location", "X-DashScope-WorkSpace"}
)
"""Names of headers, and methods, which httpx writes in capitals."""
DYNAMODB_KEYWORD = re.compile(r"\b(?:ADD|AND|OR|REMOVE|SET)\b")


@dataclass(frozen=True)
class Mutant:
    """One mutant. `name` is mutmut's, such as `dashscribe.services.publish.x_publish_start__mutmut_3`."""

    name: str
    file: Path

    @property
    def part(self) -> str:
        """The package: domain, services or adapters."""
        return self.name.split(".")[1]

    @property
    def function(self) -> str:
        """The function without mutmut's decoration, such as `services.publish.EndPublisher.publish`."""
        module, _, local = self.name.removeprefix("dashscribe.").partition("__mutmut_")[0].rpartition(".")
        names = local.split(SEPARATOR)[1:] if SEPARATOR in local else [local.removeprefix("x_")]
        return ".".join([module, *names])

    @property
    def _local_name(self) -> str:
        return self.name.rpartition(".")[2]

    @cached_property
    def _trees(self) -> tuple[ast.FunctionDef, ast.FunctionDef]:
        functions = _functions(self.file)
        original = functions[self._local_name.partition("__mutmut_")[0] + "__mutmut_orig"]
        return original, functions[self._local_name]

    @cached_property
    def change(self) -> tuple[str, str]:
        """The statement before and after, in one line each."""
        original, changed = (ast.unparse(ast.Module(tree.body, [])).splitlines() for tree in self._trees)
        while original and changed and original[0] == changed[0]:
            original, changed = original[1:], changed[1:]
        while original and changed and original[-1] == changed[-1]:
            original, changed = original[:-1], changed[:-1]
        return "\n".join(map(str.strip, original)), "\n".join(map(str.strip, changed))

    @cached_property
    def only_changes_text(self) -> bool:
        """Whether the mutant changes only what a log line says, the wording of a sentence, a letter case, or the type
        that `cast` names for mypy."""
        path = _difference(*self._trees)
        if any(_is_log_call(before) for before, _ in path):
            return True
        if any(_is_type_of_cast(call, part) for (call, _), (part, _) in pairwise(path)):
            return True
        before, after = path[-1]
        if not (isinstance(before, ast.Constant) and isinstance(after, ast.Constant)):
            return False
        was, becomes = before.value, after.value
        if not (isinstance(was, str) and isinstance(becomes, str)):
            return False
        if _has_equal_effect(was, becomes):
            return True
        is_reason = any(isinstance(node, ast.Raise) for node, _ in path) and len(was.split()) > 2
        if not is_reason and not SENTENCE.search(was):
            return False
        return becomes.replace("XX", "").lower() == was.lower()


def read_mutants(folder: Path) -> list[Mutant]:
    """Every mutant below mutmut's folder."""
    return [Mutant(name, path.with_suffix("")) for path in _meta_files(folder) for name in _exit_codes(path)]


def read_exit_codes(folder: Path) -> dict[str, int | None]:
    """The exit code of the tests by the name of the mutant. None for a mutant that was not run."""
    found: dict[str, int | None] = {}
    for path in _meta_files(folder):
        found.update(_exit_codes(path))
    return found


def _meta_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py.meta"))


def _exit_codes(path: Path) -> dict[str, int | None]:
    codes: dict[str, int | None] = json.loads(path.read_text())["exit_code_by_key"]
    return codes


@cache
def _functions(file: Path) -> dict[str, ast.FunctionDef]:
    tree = ast.parse(file.read_text())
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def _difference(before: ast.AST, after: ast.AST) -> list[tuple[ast.AST, ast.AST]]:
    """The nodes from these down to the smallest pair that contains every difference. The functions' names differ."""
    path = [(before, after)]
    while True:
        before, after = path[-1]
        if type(before) is not type(after):
            return path
        pairs = list(_children(before, after))
        if any(one is None or other is None for one, other in pairs):
            return path
        differing = [(one, other) for one, other in pairs if one and other and ast.dump(one) != ast.dump(other)]
        if len(differing) != 1:
            return path
        path += differing


def _children(before: ast.AST, after: ast.AST) -> Iterator[tuple[ast.AST | None, ast.AST | None]]:
    """The children in pairs; None where only one of the two nodes has a child."""
    one, other = list(ast.iter_child_nodes(before)), list(ast.iter_child_nodes(after))
    if len(one) != len(other):
        yield None, None
    yield from zip(one, other, strict=False)


def _has_equal_effect(was: str, becomes: str) -> bool:
    """Whether the strings differ only in a letter case that HTTP or DynamoDB ignores."""
    if was in CASELESS_NAMES:
        return becomes.lower() == was.lower()
    return becomes != was and becomes == DYNAMODB_KEYWORD.sub(lambda keyword: keyword[0].lower(), was)


def _is_type_of_cast(call: ast.AST, part: ast.AST) -> bool:
    return (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "cast"
        and part is call.args[0]
    )


def _is_log_call(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "logger"
    )
