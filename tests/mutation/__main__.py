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
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from tests.mutation.mutants import Mutant, read_exit_codes, read_mutants

ROOT = Path(__file__).resolve().parent.parent.parent
ENVIRONMENT = ROOT / ".local" / "mutation"
EXPLANATIONS = Path(__file__).with_name("survivors.toml")
RENDERING = ("tests/unit/cli/test_render.py", "tests/integration/cli/test_render_stored.py")
TESTS = {
    "domain": ("tests/unit/domain", "tests/unit/services", *RENDERING),
    "services": ("tests/unit/services", *RENDERING),
    "adapters": ("tests/integration/adapters", "tests/integration/test_http_connections.py", *RENDERING),
}
"""The tests of each part. Each part is a run of its own: mutmut makes every call of a part's functions slower."""
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
    parser.add_argument("--only", default="", help="beginnings of the functions' names, such as services.submission")
    arguments = parser.parse_args()
    if arguments.mutants < 1:
        parser.error(f"MUTANTS={arguments.mutants} is not allowed; give a number of mutants, 1 or more")
    only = tuple(arguments.only.split()) or tuple(TESTS)
    parts = [part for part in TESTS if any(f"{name}.".startswith(f"{part}.") for name in only)]
    if not parts:
        parser.error(
            f"ONLY={arguments.only} is no part of the code; give the beginning of a name: "
            f"{', '.join(TESTS)}, or one module, such as services.submission.submit"
        )
    os.nice(NICENESS)
    print("generating the mutants and running the tests once: this takes some minutes", flush=True)
    with ThreadPoolExecutor(MAX_PROCESSES) as pool:
        list(pool.map(prepare, parts))
        sample = choose(
            [mutant for part in parts for mutant in read_mutants(mutants_of(part))], arguments.mutants, only
        )
        if not sample:
            parser.error(f"no function's name begins with {arguments.only}; name a module, such as services.submission")
        list(pool.map(lambda part: run_mutmut(part, [each.name for each in sample if each.part == part]), parts))
    return report(sample)


def prepare(part: str) -> None:
    copy_repository(part)
    generate_mutants(part)


def work_of(part: str) -> Path:
    return ENVIRONMENT / "work" / part


def mutants_of(part: str) -> Path:
    return work_of(part) / "mutants"


def copy_repository(part: str) -> None:
    """Copy the repository to a folder of its own, with the package at its root, where mutmut must find it."""
    work = work_of(part)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, work / name)
    shutil.copytree(work / "layers" / "shared" / "dashscribe", work / "dashscribe")
    others = sorted({entry.name for entry in work.iterdir()} - {"dashscribe", "tests", "pyproject.toml"})
    settings = {
        "source_paths": ["dashscribe"],
        "only_mutate": [f"dashscribe/{part}/*"],
        "also_copy": others,
        "pytest_add_cli_args_test_selection": TESTS[part],
        "pytest_add_cli_args": [
            "--timeout=600",
            "-ptests.mutation.pytest_plugin",
            *(f"--ignore={path}" for path in TESTS_LEFT_OUT),
            *(f"--deselect={test}" for test in TESTS_OF_THE_STACK_DEPTH),
        ],
        # The time limit of a mutant, in seconds: 5 x (the time of its tests + 4). Twice that in processor time.
        "timeout_multiplier": 5,
        "timeout_constant": 4,
        "track_dependencies": False,
        "use_git_change_detection": False,
        "use_setproctitle": False,
    }
    with (work / "pyproject.toml").open("a") as file:
        file.write("\n[tool.mutmut]\n")
        file.writelines(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())


def generate_mutants(part: str) -> None:
    """Generate all mutants, and find out which tests reach each function.

    mutmut does this before it looks for the mutants that it is asked to run, so it is asked for one that is missing.
    """
    found = mutmut(part, [NO_MUTANT])
    if NO_MUTANT not in found.stderr:
        sys.exit(f"{found.stdout}{found.stderr}\ndashscribe: mutmut did not generate the mutants; see above")
    print(f"{part}: the tests ran once", flush=True)


def choose(mutants: Sequence[Mutant], most: int, only: tuple[str, ...]) -> list[Mutant]:
    """A sample of the mutants of the functions whose names begin like one of these.

    It is chosen by a hash of the name, so that a change of the code changes little of it.
    """
    in_order = sorted(
        (mutant for mutant in mutants if mutant.function.startswith(only)),
        key=lambda mutant: hashlib.sha256(f"{SEED} {mutant.name}".encode()).digest(),
    )
    return list(islice((mutant for mutant in in_order if not mutant.only_changes_text), most))


def run_mutmut(part: str, names: Sequence[str]) -> None:
    if names:
        found = mutmut(part, names)
        if found.returncode:
            print(f"{found.stdout}{found.stderr}", file=sys.stderr)
        print(f"{part}: {len(names)} mutants ran", flush=True)


def mutmut(part: str, names: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run mutmut in one process. The parts run beside each other."""
    return subprocess.run(
        [str(ENVIRONMENT / "bin" / "mutmut"), "run", "--max-children", "1", *names],
        cwd=work_of(part),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def environment() -> dict[str, str]:
    """`CI` makes Hypothesis choose the same examples each time, without a time limit for one example."""
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "CI": "true"}


def report(sample: Sequence[Mutant]) -> int:
    """Print the shares and the survivors without a reason. 1 when there is one."""
    codes = {name: code for part in TESTS for name, code in read_exit_codes(mutants_of(part)).items()}
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
    for part in TESTS:
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
