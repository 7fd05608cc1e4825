"""Measure how many faults the unit and adapter tests find: `make mutation`, or `make mutation MUTANTS=2000`.

mutmut (https://mutmut.readthedocs.io/) changes one expression at a time and runs the tests that reach it. A mutant that
no test notices is a survivor. `survivors.toml` lists the survivors that a user would not notice, each with the reason.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from tests.mutation.mutants import Mutant, read_exit_codes, read_mutants

ROOT = Path(__file__).resolve().parent.parent.parent
ENVIRONMENT = ROOT / ".local" / "mutation"
WORK = ENVIRONMENT / "work"
EXPLANATIONS = Path(__file__).with_name("survivors.toml")
PARTS = ("domain", "services", "adapters")
TESTS = (
    "tests/unit/domain",
    "tests/unit/services",
    "tests/integration/adapters",
    "tests/integration/test_http_connections.py",
    "tests/unit/cli/test_render.py",
    "tests/integration/cli/test_render_stored.py",
)
TESTS_LEFT_OUT = (
    "tests/unit/services/test_burst_of_uploads.py",
    "tests/unit/services/test_interleavings.py",
    "tests/unit/services/test_job_histories.py",
    "tests/unit/domain/recognition/test_any_odd_value.py",
)
"""They run for many seconds each, and most mutants would wait for them. The other tests must find the fault."""
TESTS_OF_THE_STACK_DEPTH = (
    "tests/unit/services/test_arbitrary_input.py::test_json_nested_just_below_pythons_limit_is_refused",
)
"""They fail without a fault, because mutmut adds frames to the stack."""
SEED = 1
MAX_PROCESSES = 2
NICENESS = 15
NO_TESTS = 33
SURVIVED = frozenset({0, 5, NO_TESTS})
"""mutmut's exit codes for a mutant that no test noticed. Any other code is a failed test or a time-out."""
NO_MUTANT = "a name that no mutant has"


def main() -> int:
    """Run a sample and print the survivors. 0 when each is explained, 1 when one is not, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="make mutation", description="run the tests on mutants of the code")
    parser.add_argument("--mutants", type=int, default=400, help="how many mutants to run")
    parser.add_argument("--only", default="", help="parts of the functions' names, such as services.submission")
    arguments = parser.parse_args()
    if arguments.mutants < 1:
        parser.error(f"MUTANTS={arguments.mutants} is not allowed; give a number of mutants, 1 or more")
    os.nice(NICENESS)
    copy_repository()
    generate_mutants()
    sample = choose(read_mutants(WORK / "mutants"), arguments.mutants, arguments.only)
    if not sample:
        parser.error(
            f"no function has {arguments.only!r} in its name; name a module, such as services.submission.submit"
        )
    run_mutmut([mutant.name for mutant in sample])
    return report(sample)


def copy_repository() -> None:
    """Copy the repository to a folder of its own, with the package at its root, where mutmut must find it."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (WORK / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, WORK / name)
    shutil.copytree(WORK / "layers" / "shared" / "dashscribe", WORK / "dashscribe")
    others = sorted({entry.name for entry in WORK.iterdir()} - {"dashscribe", "tests", "pyproject.toml"})
    settings = {
        "source_paths": ["dashscribe"],
        "only_mutate": [f"dashscribe/{part}/*" for part in PARTS],
        "also_copy": others,
        "pytest_add_cli_args_test_selection": TESTS,
        "pytest_add_cli_args": [
            "--timeout=600",
            "-ptests.mutation.pytest_plugin",
            *(f"--ignore={path}" for path in TESTS_LEFT_OUT),
            *(f"--deselect={test}" for test in TESTS_OF_THE_STACK_DEPTH),
        ],
        # The time limit of a mutant, in seconds: 5 x (the time of its tests + 4). Twice that in processor time.
        "timeout_multiplier": 5,
        "timeout_constant": 4,
        "use_git_change_detection": False,
        "use_setproctitle": False,
    }
    with (WORK / "pyproject.toml").open("a") as file:
        file.write("\n[tool.mutmut]\n")
        file.writelines(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())


def generate_mutants() -> None:
    """Generate all mutants, and find out which tests reach each function.

    mutmut does this before it looks for the mutants that it is asked to run, so it is asked for one that is missing.
    """
    print("generating the mutants and running the tests once: this takes some minutes")
    found = subprocess.run(
        mutmut([NO_MUTANT]), cwd=WORK, env=environment(), capture_output=True, text=True, check=False
    )
    if NO_MUTANT not in found.stderr:
        sys.exit(f"{found.stdout}{found.stderr}\ndashscribe: mutmut did not generate the mutants; see above")


def choose(mutants: Sequence[Mutant], most: int, only: str) -> list[Mutant]:
    """A sample of the mutants of these functions, all if `only` is empty.

    It is chosen by a hash of the name, so that a change of the code changes little of it.
    """
    in_order = sorted(
        (mutant for mutant in mutants if not only or any(part in mutant.function for part in only.split())),
        key=lambda mutant: hashlib.sha256(f"{SEED} {mutant.name}".encode()).digest(),
    )
    return list(islice((mutant for mutant in in_order if not mutant.only_changes_text), most))


def run_mutmut(names: Sequence[str]) -> None:
    subprocess.run(mutmut(names), cwd=WORK, env=environment(), check=False)


def mutmut(names: Sequence[str]) -> list[str]:
    return [str(ENVIRONMENT / "bin" / "mutmut"), "run", "--max-children", str(MAX_PROCESSES), *names]


def environment() -> dict[str, str]:
    """`CI` makes Hypothesis choose the same examples each time, without a time limit for one example."""
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "CI": "true"}


def report(sample: Sequence[Mutant]) -> int:
    """Print the shares and the survivors without a reason. 1 when there is one."""
    codes = read_exit_codes(WORK / "mutants")
    explained = read_explanations()
    run, killed, without_effect = Counter[str](), Counter[str](), Counter[str]()
    unexplained: list[Mutant] = []
    for mutant in sample:
        code = codes[mutant.name]
        if code is None:
            continue
        if code in SURVIVED and (mutant.function, *mutant.change) in explained:
            without_effect[mutant.part] += 1
            continue
        run[mutant.part] += 1
        if code in SURVIVED:
            unexplained.append(mutant)
        else:
            killed[mutant.part] += 1
    for mutant in unexplained:
        before, after = mutant.change
        print(f"\nsurvived{' (no test reaches it)' if codes[mutant.name] == NO_TESTS else ''}: {mutant.name}")
        print("\n".join([f"- {line}" for line in before.split("\n")] + [f"+ {line}" for line in after.split("\n")]))
    print()
    for part in PARTS:
        if run[part] + without_effect[part]:
            print(f"{part}: {share(killed[part], run[part])}; {without_effect[part]} more have no effect for a user")
    print(f"in all: {share(killed.total(), run.total())}")
    if run.total() + without_effect.total() < len(sample):
        print(f"dashscribe: {len(sample) - run.total() - without_effect.total()} mutants were not run", file=sys.stderr)
        return 1
    return 1 if unexplained else 0


def share(killed: int, run: int) -> str:
    return f"{killed} of {run} mutants killed" + (f" ({killed / run:.1%})" if run else "")


def read_explanations() -> set[tuple[str, str, str]]:
    """Function, statement before and statement after of the survivors that have a reason."""
    survivors = tomllib.loads(EXPLANATIONS.read_text()).get("survivor", [])
    return {(each["function"], each["before"], each["after"]) for each in survivors if each["reason"]}


if __name__ == "__main__":
    sys.exit(main())
