"""`dashscribe render`: the files of a stored result again, without a call to the vendor."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from cli.report import WrongUsage, add_stack_arguments
from dashscribe.domain.transcripts.outputs import OUTPUTS, parse_outputs
from dashscribe.domain.transcripts.result_files import RESULT_JSON
from dashscribe.domain.transcripts.script_rules import SubtitleOptions
from dashscribe.errors import UnknownResult
from dashscribe.services.render import Choice, Rendered, render_again, render_files

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from cli.target import Target

EPILOG = """
examples:
  dashscribe render result.json --out subtitles --outputs srt,vtt
  dashscribe render s3://RESULTS_BUCKET/talk.mp3/JOB_ID/
  dashscribe render --stack dashscribe talk.mp3/ --prefix --outputs md
"""


@dataclass
class _LocalFolder:
    """`FileFolder` on this machine. `result` may have another name than `result.json`."""

    folder: Path
    result: Path | None = None

    def read(self, name: str) -> bytes | None:
        path = self.result if self.result and name == RESULT_JSON else self.folder / name
        return path.read_bytes() if path.is_file() else None

    def write(self, name: str, body: bytes, content_type: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(body)


@dataclass
class _Report:
    """What the command did, for each source."""

    rendered: dict[str, Rendered] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def print(self, as_json: bool) -> int:
        if as_json:
            rendered = [{"source": source, **asdict(each)} for source, each in self.rendered.items()]
            failed = [{"source": source, "reason": reason} for source, reason in self.failed.items()]
            print(json.dumps({"rendered": rendered, "failed": failed}, ensure_ascii=False, indent=2))
        else:
            for source, each in self.rendered.items():
                print(f"{source}: {_described(each)}")
            for source, reason in self.failed.items():
                print(f"dashscribe: {source}: {reason}", file=sys.stderr)
        return 1 if self.failed else 0


def _described(rendered: Rendered) -> str:
    parts = [f"wrote {', '.join(rendered.changed)}" if rendered.changed else "nothing changed"]
    if rendered.changed and rendered.unchanged:
        parts.append(f"as before: {', '.join(rendered.unchanged)}")
    if rendered.subtitle_warnings:
        parts.append(
            "subtitle warnings: " + ", ".join(f"{rule} {count}" for rule, count in rendered.subtitle_warnings.items())
        )
    return "; ".join(parts)


def add_command(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "render",
        help="make the files of a stored result again; nothing is paid",
        description="Make the files of a stored result.json again. DashScope is not called, and nothing is paid.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("source", help="a result.json, or the s3:// address or the key of a job's files")
    parser.add_argument("--outputs", type=_outputs, help=f"separated by commas: {', '.join(OUTPUTS)}")
    parser.add_argument("--subtitles", type=_subtitles, metavar="JSON", help="subtitle options (docs/subtitles.md)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write the files there instead of next to the result")
    parser.add_argument("--prefix", action="store_true", help="every job whose files are under the source")
    add_stack_arguments(parser)
    parser.set_defaults(run=run)


def _outputs(text: str) -> tuple[str, ...]:
    try:
        return parse_outputs(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _subtitles(text: str) -> SubtitleOptions:
    try:
        return SubtitleOptions.model_validate_json(text)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False)
        raise argparse.ArgumentTypeError("; ".join(map(_fault, faults))) from error


def _fault(fault: ErrorDetails) -> str:
    """What is wrong with one option. The sentences of our own rules name what was given, those of pydantic do not."""
    place = ".".join(map(str, fault["loc"])) or "options"
    if fault["type"] == "value_error":
        return f"{place}: {fault['msg'].removeprefix('Value error, ')}"
    return f"{place}: {fault['msg']}; given was {fault['input']!r:.60}"


def run(options: argparse.Namespace) -> int:
    choice = Choice(options.outputs, options.subtitles)
    path = Path(options.source)
    if not options.source.startswith("s3://") and (path.exists() or path.suffix == ".json"):
        if options.prefix:
            raise WrongUsage("--prefix is for the results bucket; a file is rendered on its own.")
        return _render_local(path / RESULT_JSON if path.is_dir() else path, options, choice)
    return _render_stored(options, choice)


def _render_local(path: Path, options: argparse.Namespace, choice: Choice) -> int:
    if not path.is_file():
        raise WrongUsage(f"There is no file {path}.")
    source = _LocalFolder(path.parent, path)
    target = _LocalFolder(options.out or path.parent)
    try:
        rendered = render_files(source, target, choice)
    except (UnknownResult, OSError) as error:
        raise WrongUsage(f"{path}: {error}") from error
    return _Report(rendered={str(path): rendered}).print(options.json)


def _render_stored(options: argparse.Namespace, choice: Choice) -> int:
    from botocore.exceptions import BotoCoreError, ClientError

    from cli.target import find_target
    from dashscribe.adapters.s3_rendering import find_result_prefixes

    bucket, prefix = _address(options.source)
    target = find_target(options.stack, options.region, options.profile, bucket)
    if bucket is None and target.results_bucket is None:
        raise WrongUsage(f"There is no file {options.source}. For a stack, give --stack or an s3:// address.")
    if bucket is not None and target.results_bucket not in (None, bucket):
        raise WrongUsage(f"{bucket} is not the results bucket of the stack; that is {target.results_bucket}.")
    bucket = bucket or target.results_bucket or ""
    try:
        if options.prefix:
            prefixes = list(find_result_prefixes(target.s3, bucket, prefix))
        else:
            prefixes = [prefix.removesuffix(RESULT_JSON).rstrip("/") + "/"]
    except (BotoCoreError, ClientError) as error:
        return _Report(failed={options.source: _sentence(error)}).print(options.json)
    if not prefixes:
        raise WrongUsage(f"There are no results under s3://{bucket}/{prefix}.")
    report = _Report()
    for each in prefixes:
        source = f"s3://{bucket}/{each}"
        render = _rendering(target, bucket, each, prefix, options, choice)
        try:
            report.rendered[source] = render()
        except UnknownResult as error:
            if not options.prefix:
                raise WrongUsage(f"{source}: {error}") from error
            report.failed[source] = str(error)
        except (BotoCoreError, ClientError, OSError) as error:
            report.failed[source] = _sentence(error)
    return report.print(options.json)


def _rendering(
    target: Target, bucket: str, each: str, prefix: str, options: argparse.Namespace, choice: Choice
) -> Callable[[], Rendered]:
    """On the bucket; with `--out`, in a folder. Each of several jobs has a folder of its own there."""
    from dashscribe.adapters.s3_rendering import S3Folder

    folder = S3Folder(target.s3, bucket, each)
    if options.out is None:
        return partial(render_again, folder, choice, lambda: datetime.now(UTC), version("dashscribe"))
    place = options.out
    if options.prefix:
        # A key may have parts such as `..`, which must not lead out of the folder.
        parts = [part for part in each.split("/") if part not in ("", ".", "..")]
        place = place.joinpath(*parts)
    return partial(render_files, folder, _LocalFolder(place), choice)


def _address(source: str) -> tuple[str | None, str]:
    if not source.startswith("s3://"):
        return None, source
    bucket, _, key = source.removeprefix("s3://").partition("/")
    if not bucket:
        raise WrongUsage(f"{source} has no bucket; an address is s3://BUCKET/KEY.")
    return bucket, key


def _sentence(error: Exception) -> str:
    return str(error).rstrip(".") + "."
