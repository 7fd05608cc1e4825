"""The options of an upload that are about its files: which outputs are rendered, and how subtitles look."""

from __future__ import annotations

from pydantic import ValidationError

from dashscribe.domain.recognition.profiles import Profile
from dashscribe.domain.recognition.quoting import quote
from dashscribe.domain.transcripts.outputs import OUTPUTS, ordered_outputs, parse_outputs
from dashscribe.domain.transcripts.script_rules import SubtitleOptions


def resolve_outputs(
    metadata: str, metadata_key: str, profile: Profile, default: tuple[str, ...]
) -> tuple[tuple[str, ...], list[str]]:
    """Return the names of the outputs, and faults. The metadata's choice replaces the profile's."""
    name, given = (f"Metadata {metadata_key!r}", metadata) if metadata else ("Option 'outputs'", profile.outputs)
    if given is None:
        return default, []
    try:
        outputs = parse_outputs(given) if isinstance(given, str) else ordered_outputs(given)
    except ValueError:
        return default, [f"{name} is {quote(given)}; allowed are {', '.join(OUTPUTS)}, separated by commas."]
    return outputs, []


def check_subtitles(profile: Profile) -> tuple[SubtitleOptions | None, list[str]]:
    """Return the subtitle options of the profile, and faults."""
    if profile.subtitles is None:
        return None, []
    try:
        return SubtitleOptions.model_validate(profile.subtitles), []
    except ValidationError as error:
        return None, [
            f"Option {quote('.'.join(['subtitles', *map(str, fault['loc'])]))} is {quote(fault['input'])}: "
            f"{fault['msg'].removeprefix('Value error, ')}; allowed are {', '.join(SubtitleOptions.model_fields)} "
            "(docs/subtitles.md#options)."
            for fault in error.errors(include_url=False, include_context=False)
        ]
