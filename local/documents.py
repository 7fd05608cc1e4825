"""Write the files that are generated from the code: schemas, sample events, docs/models.md and docs/outputs.md.

Run it with `python -m local.documents`. A test fails if a file differs from what this module would write.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dashscribe.domain.jobs.job_report import JobReport
from dashscribe.domain.recognition.catalogue import CATALOGUE, FAMILIES, ModelSpec, Region
from dashscribe.domain.recognition.profiles import Profiles
from dashscribe.domain.transcripts.outputs import DEFAULT_OUTPUTS, OUTPUTS
from dashscribe.domain.transcripts.transcript import Transcript
from local.event_documents import (
    DRAFT,
    JOB_EVENTS,
    event_schema,
    pause_event_schema,
    sample_announcements,
    sample_event,
    sample_pause_event,
)
from local.stack import ROOT

SCHEMAS = ROOT / "events" / "schemas"
SAMPLES = ROOT / "events" / "samples"


def documents() -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of every generated file."""
    for detail_type, status in JOB_EVENTS.items():
        name = detail_type.lower().replace(" ", "_")
        yield SCHEMAS / f"{name}.schema.json", _json(event_schema(status, detail_type))
        yield SAMPLES / f"{name}.json", _json(sample_event(status, detail_type))
    for detail_type, announcement in sample_announcements().items():
        name = detail_type.lower().replace(" ", "_")
        yield SCHEMAS / f"{name}.schema.json", _json(pause_event_schema(detail_type))
        yield SAMPLES / f"{name}.json", _json(sample_pause_event(announcement))
    for file, model, title in (
        ("transcript", Transcript, "transcript.json"),
        ("job", JobReport, "job.json"),
        ("profiles", Profiles, "the profiles parameter"),
    ):
        yield SCHEMAS / f"{file}.schema.json", _json(_schema(model, title))
    yield ROOT / "docs" / "models.md", models_page()
    yield ROOT / "docs" / "outputs.md", outputs_page()


def _json(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    mode = "validation" if model is Profiles else "serialization"
    return {"$schema": DRAFT, **model.model_json_schema(mode=mode), "title": title}  # type: ignore[arg-type]  # a literal


def models_page() -> str:
    """Return the text of docs/models.md."""
    return "\n".join(
        [
            "# Models",
            "",
            "Generated from `layers/shared/dashscribe/domain/recognition/` by `python -m local.documents`.",
            "",
            "- A price is the vendor's list price of one hour of audio in one channel, or of a million tokens of input "
            "and of output. It is – if the vendor publishes none. [Sources](vendor-api.md#prices).",
            "- A rate is the vendor's limit of the whole account for that model. A rate marked *ours* is the stack's "
            "own, because the vendor publishes none. [Sources](vendor-api.md#rate-limits).",
            "- Which model suits a recording, and how to improve its transcript: "
            "[Getting good transcripts](good-transcripts.md).",
            "",
            *_asynchronous_models(),
            *_synchronous_models(),
            *_other_models(),
            *_parameters(),
        ]
    )


def _asynchronous_models() -> list[str]:
    return [
        "## Asynchronous models",
        "",
        "A submission creates a task, and the task is queried until it ends.",
        "",
        "| model | regions | USD an hour | submissions a second | files a task | note |",
        "|---|---|---|---|---|---|",
        *(
            f"| {spec.name} | {_regions(spec)} | {_prices(spec)} | {_rate(spec)} "
            f"| {spec.max_files_per_task} | {spec.note or '–'} |"
            for spec in CATALOGUE.values()
            if not spec.is_synchronous
        ),
        "",
        "Limits of a file: 2 GB and 12 hours ([sources](vendor-api.md#file-limits)).",
        "",
    ]


def _synchronous_models() -> list[str]:
    return [
        "## Synchronous models",
        "",
        "One call returns the transcript in its response.",
        "",
        "| model | regions | USD an hour | calls a second | endpoints | streams | note |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {spec.name} | {_regions(spec)} | {_prices(spec)} | {_rate(spec)} "
            f"| {', '.join(spec.endpoints)} | {_streaming(spec)} | {spec.note or '–'} |"
            for spec in CATALOGUE.values()
            if spec.is_synchronous
        ),
        "",
        "Limits of a file: 10 MB and 5 minutes ([sources](vendor-api.md#file-limits)); for Qwen-Omni the vendor "
        "publishes none. A larger or longer file, and one whose format the vendor refuses, goes to the profile's "
        "`fallback_model`. Without a fallback model, its job fails.",
        "",
    ]


def _other_models() -> list[str]:
    return [
        "## Models that are not in this list",
        "",
        "Another model gets the parameters of its family, without a language list and without a price. The family is "
        "recognised by the form of the name, such as `fun-asr-2027-01-01` or `qwen4-omni-flash`. For any other name, a "
        "profile declares it with `family`, and that of a fallback model with `fallback_family`. "
        f"Families: {', '.join(f'`{family}`' for family in sorted(FAMILIES))}.",
        "",
        "Parameters that the family does not have are sent without a check, and the event has the warning "
        "`PARAMETERS_NOT_CHECKED`. `extra_parameters` does the same for a model of this list, without a warning: its "
        "content is added to the request's parameters unchanged.",
        "",
        "```json",
        '{"profiles": {"newest": {"model": "speech-2027", "family": "fun-asr", "parameters": {"new_switch": true}},',
        '              "beta": {"model": "fun-asr", "extra_parameters": {"beta_switch": 1}}}, "rules": []}',
        "```",
        "",
    ]


def _parameters() -> list[str]:
    lines = ["## Parameters", "", "The vendor's default is in brackets.", ""]
    written: set[type] = set()
    for spec in CATALOGUE.values():
        if spec.parameters in written:
            continue
        written.add(spec.parameters)
        models = [other for other in CATALOGUE.values() if other.parameters is spec.parameters]
        source = f"[Sources](vendor-api.md#{spec.parameters.source})"
        lines += [f"### {', '.join(model.name for model in models)}", "", f"Family `{spec.family}`. {source}.", ""]
        lines += ["| parameter | meaning |", "|---|---|"]
        lines += [f"| `{name}` | {field.description} |" for name, field in _fields(spec)]
        lines.append("")
        for disputed in dict.fromkeys(model.disputed_languages for model in models if model.disputed_languages):
            names = [model.name for model in models if model.disputed_languages == disputed]
            lines += [
                f"The vendor's pages disagree whether {' and '.join(names)} have {' '.join(sorted(disputed))}. These "
                "codes are accepted with the warning `VENDOR_PAGES_DISAGREE`.",
                "",
            ]
        if any(model.languages is None for model in models):
            lines += ["The vendor publishes no list of languages for this model, so no code is refused.", ""]
        for languages in dict.fromkeys(model.languages for model in models if model.languages):
            names = [model.name for model in models if model.languages == languages]
            of_models = "" if len(names) == len(models) else f" of {', '.join(names)}"
            lines += [f"Languages{of_models}: {' '.join(languages)}.", ""]
    return lines


def _fields(spec: ModelSpec) -> Iterator[tuple[str, FieldInfo]]:
    """The parameters of this family. Every family has `extra_parameters`, which the page explains once."""
    return ((name, field) for name, field in spec.parameters.model_fields.items() if name != "extra_parameters")


def _rate(spec: ModelSpec) -> str:
    return f"{spec.submit_requests_per_second:g}" + ("" if spec.has_documented_rate else " (ours)")


def _streaming(spec: ModelSpec) -> str:
    if spec.must_stream:
        return "always"
    return "by default" if spec.streams_by_default else "on request"


def _regions(spec: ModelSpec) -> str:
    return ", ".join(sorted(spec.regions))


def _prices(spec: ModelSpec) -> str:
    prices = [(region, spec.usd_per_second[region]) for region in Region if region in spec.usd_per_second]
    tokens = spec.usd_per_million_tokens
    texts = [f"{usd * 3600:.4f} ({region})" for region, usd in prices]
    texts += [f"{tokens[r][0]:g} and {tokens[r][1]:g} a million tokens ({r})" for r in Region if r in tokens]
    return " / ".join(texts) or "–"


_TABLE_BEGINS = "<!-- This table is generated by python -m local.documents. -->\n"
_TABLE_ENDS = "<!-- end of the table -->\n"


def outputs_page() -> str:
    """Return docs/outputs.md with the table of outputs as the code has it."""
    before, _, rest = (ROOT / "docs" / "outputs.md").read_text().partition(_TABLE_BEGINS)
    _, _, after = rest.partition(_TABLE_ENDS)
    rows = [
        f"| `{output.name}` | `{output.file_name}` | `{output.event_key}` | {output.description} "
        f"| {'yes' if output.name in DEFAULT_OUTPUTS else ''} |"
        for output in OUTPUTS.values()
    ]
    head = ["| name | file | key in the event | content | by default |", "|---|---|---|---|---|"]
    return before + _TABLE_BEGINS + "\n".join([*head, *rows, ""]) + _TABLE_ENDS + after


def main() -> None:
    for path, text in documents():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
