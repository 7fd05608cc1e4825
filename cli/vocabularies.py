"""`dashscribe vocabularies`: list the hotword lists of the account, and delete those that are not used."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from cli.report import WrongUsage, add_stack_arguments, confirms
from dashscribe.domain.recognition.vocabulary import MAX_LISTS, prefix_of, vocabulary_prefix

if TYPE_CHECKING:
    from cli.stack import Stack
    from dashscribe.domain.recognition.profiles import Profiles
    from dashscribe.services.ports.vocabularies import VocabularyRecords, VocabularyService

EPILOG = """
examples:
  dashscribe vocabularies --stack dashscribe
  dashscribe vocabularies --stack dashscribe --delete-unused
  dashscribe vocabularies --stack dashscribe --delete vocab-abc-123 --yes
"""


@dataclass(frozen=True)
class _List:
    """A hotword list. `stack`: whether this stack created it. `profiles` use it."""

    vocabulary_id: str
    target_model: str | None
    words: int
    status: str | None
    created: str | None
    stack: bool
    last_used: str | None
    profiles: list[str]

    @property
    def is_unused(self) -> bool:
        return self.stack and not self.profiles


def add_command(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "vocabularies",
        help="list the hotword lists of the DashScope account, and delete unused ones",
        description="List the hotword lists of the DashScope account, and delete unused ones. Nothing is paid. "
        "A list is unused if this stack created it and no profile has its words and model any more.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--delete", nargs="+", metavar="ID", help="delete these lists")
    chosen.add_argument("--delete-unused", action="store_true", help="delete every unused list")
    parser.add_argument("--yes", action="store_true", help="delete without a question")
    add_stack_arguments(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from botocore.exceptions import BotoCoreError, ClientError

    from cli.stack import find_stack
    from dashscribe.errors import ProfilesUnreadable, VendorError

    stack = find_stack(options.stack, options.region, options.profile)
    with ExitStack() as opened:
        try:
            service, records, profiles = _open(stack, opened)
            found = _find_lists(stack, service, records, profiles)
        except (BotoCoreError, ClientError, ProfilesUnreadable, VendorError) as error:
            print(f"dashscribe: {_sentence(error)}", file=sys.stderr)
            return 1
        if not options.delete and not options.delete_unused:
            _print_lists(found, as_json=options.json)
            return 0
        return _delete(_choose(found, options), service, records, options)


def _open(stack: Stack, opened: ExitStack) -> tuple[VocabularyService, VocabularyRecords, Profiles]:
    """Return the vendor's lists, our records and the profiles. `opened` closes the connections to the vendor."""
    import httpx

    from dashscribe.adapters.configuration import ApiKey, SsmProfiles
    from dashscribe.adapters.dashscope_http import DashScopeHttp
    from dashscribe.adapters.dashscope_vocabularies import DashScopeVocabularies
    from dashscribe.adapters.dynamodb.vocabulary_records import DynamoDbVocabularyRecords
    from dashscribe.adapters.http_connections import http_client

    key = ApiKey(stack.client("secretsmanager"), stack.output("ApiKeySecretArn"))
    client = opened.enter_context(http_client(cache(httpx.create_ssl_context)))
    base_url, workspace_id = stack.parameters["DashScopeBaseUrl"], stack.parameters.get("DashScopeWorkspaceId", "")
    http = DashScopeHttp(client, base_url, key, workspace_id)
    records = DynamoDbVocabularyRecords(stack.client("dynamodb"), stack.output("JobsTableName"))
    profiles = SsmProfiles(stack.client("ssm"), stack.output("ProfilesParameterName")).profiles()
    return DashScopeVocabularies(http), records, profiles


def _find_lists(
    stack: Stack, service: VocabularyService, records: VocabularyRecords, profiles: Profiles
) -> list[_List]:
    users = _users_of_lists(stack, profiles)
    found = []
    for listed in service.list_vocabularies():
        content = service.query_vocabulary(listed.vocabulary_id)
        prefix = prefix_of(listed.vocabulary_id)
        record = records.find_vocabulary(prefix)
        used = record.checked_at if record else None
        found.append(
            _List(
                listed.vocabulary_id,
                content.target_model,
                len(content.words),
                content.status or listed.status,
                listed.gmt_create,
                record is not None or prefix in users,
                used.isoformat(timespec="seconds") if used else None,
                users.get(prefix, []),
            )
        )
    return found


def _users_of_lists(stack: Stack, profiles: Profiles) -> dict[str, list[str]]:
    """The profiles whose hotwords need a list, by the list's prefix."""
    users: dict[str, list[str]] = {}
    default_model = stack.parameters.get("DefaultModel", "fun-asr")
    for name, profile in profiles.profiles.items():
        own = profile.parameters.get("vocabulary") or profile.vocabulary
        of_fallback = (profile.fallback_parameters or {}).get("vocabulary")
        for model, words in ((profile.model or default_model, own), (profile.fallback_model, of_fallback)):
            if model and isinstance(words, dict) and words:
                prefix = vocabulary_prefix(stack.output("JobsTableName"), model, words)
                users.setdefault(prefix, []).append(name)
    return users


def _print_lists(found: list[_List], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"vocabularies": [asdict(each) for each in found]}, ensure_ascii=False, indent=2))
        return
    for each in found:
        use = (
            f"profiles {', '.join(each.profiles)}" if each.profiles else "unused" if each.stack else "not of this stack"
        )
        print(f"{each.vocabulary_id}: {each.target_model}, {each.words} words, {each.status}, {use}")
    print(f"{len(found)} of at most {MAX_LISTS} hotword lists.")


def _choose(found: list[_List], options: argparse.Namespace) -> list[_List]:
    if options.delete_unused:
        return [each for each in found if each.is_unused]
    by_id = {each.vocabulary_id: each for each in found}
    unknown = [each for each in options.delete if each not in by_id]
    if unknown:
        raise WrongUsage(f"The account has no hotword list {unknown[0]!r}; it has {', '.join(by_id) or 'none'}.")
    return [by_id[each] for each in dict.fromkeys(options.delete)]


def _delete(
    chosen: list[_List], service: VocabularyService, records: VocabularyRecords, options: argparse.Namespace
) -> int:
    if chosen and not options.yes and not _confirms(chosen):
        raise WrongUsage("Nothing was deleted. Give --yes to delete without a question.")
    from botocore.exceptions import BotoCoreError, ClientError

    from dashscribe.errors import VendorError

    deleted: list[str] = []
    failed: dict[str, str] = {}
    for each in chosen:
        try:
            # The record first: an upload that needs the list again then creates it, and does not name a deleted one.
            records.delete_vocabulary_record(prefix_of(each.vocabulary_id))
            service.delete_vocabulary(each.vocabulary_id)
            deleted.append(each.vocabulary_id)
        except (BotoCoreError, ClientError, VendorError) as error:  # one failure does not stop the others
            failed[each.vocabulary_id] = _sentence(error)
    if options.json:
        reasons = [{"vocabulary_id": name, "reason": reason} for name, reason in failed.items()]
        print(json.dumps({"deleted": deleted, "failed": reasons}, ensure_ascii=False, indent=2))
    else:
        for name in deleted:
            print(f"{name}: deleted")
        for name, reason in failed.items():
            print(f"dashscribe: {name}: {reason}", file=sys.stderr)
        if not chosen:
            print("No hotword list is unused.")
    return 1 if failed else 0


def _confirms(chosen: list[_List]) -> bool:
    """Ask on a terminal. Without one the answer is no."""
    for each in chosen:
        use = f", used by the profiles {', '.join(each.profiles)}" if each.profiles else ""
        print(f"{each.vocabulary_id}: {each.target_model}, {each.words} words{use}", file=sys.stderr)
    if not sys.stdin.isatty():
        return False
    return confirms(f"Delete {len(chosen)} hotword lists?")


def _sentence(error: Exception) -> str:
    return str(error).rstrip(".") + "."
