"""Write the files that are generated from the code: schemas, sample events, docs/models.md and docs/outputs.md.

Run it with `python -m local.documents`. A test fails if a file differs from what this module would write.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dashscribe.domain.jobs import delay as delays
from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs.events import (
    DELAYED,
    DETAIL_TYPES,
    PAUSED,
    SOURCE,
    Detail,
    PauseDetail,
    delay_detail_of,
    detail_of,
    pause_detail,
    pause_detail_type,
)
from dashscribe.domain.jobs.failure import Failure
from dashscribe.domain.jobs.job import Job, Status, Usage
from dashscribe.domain.jobs.job_report import JobReport
from dashscribe.domain.jobs.pause import Announcement, Pauses, end_pauses, start_pause
from dashscribe.domain.recognition.catalogue import CATALOGUE, FAMILIES, ModelSpec, Region
from dashscribe.domain.recognition.media import Media, job_id_of, refusal
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.profiles import Profiles
from dashscribe.domain.transcripts.audio_facts import AudioFacts
from dashscribe.domain.transcripts.outputs import DEFAULT_OUTPUTS, OUTPUTS
from dashscribe.domain.transcripts.result_files import result_folder
from dashscribe.domain.transcripts.transcript import Transcript
from local.stack import ROOT

SCHEMAS = ROOT / "events" / "schemas"
SAMPLES = ROOT / "events" / "samples"
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_REQUEST_ID = "92e3decd-0c69-47a8-xxxx-xxxxxxxxxxxx"
JOB_EVENTS: dict[str, Status] = {detail_type: status for status, detail_type in DETAIL_TYPES.items()} | {
    DELAYED: Status.RECEIVED
}
"""Every event about a job, by its detail-type, and the status of its sample."""
_UPLOADED = datetime(2026, 1, 1, tzinfo=UTC)


def documents() -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of every generated file."""
    for detail_type, status in JOB_EVENTS.items():
        name = detail_type.lower().replace(" ", "_")
        yield SCHEMAS / f"{name}.schema.json", _json(event_schema(status, detail_type))
        yield SAMPLES / f"{name}.json", _json(sample_event(status, detail_type))
    for detail_type, announcement in sample_announcements().items():
        name = detail_type.lower().replace(" ", "_")
        yield SCHEMAS / f"{name}.schema.json", _json(pause_event_schema(detail_type))
        yield (
            SAMPLES / f"{name}.json",
            _json(_envelope(detail_type, pause_detail(announcement).model_dump(mode="json"))),
        )
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
    return {"$schema": _DRAFT, **model.model_json_schema(mode=mode), "title": title}  # type: ignore[arg-type]  # a literal


def event_schema(status: Status, detail_type: str) -> dict[str, Any]:
    """Return the JSON Schema of an event: the EventBridge envelope with our detail. It allows new fields."""
    detail = Detail.model_json_schema(mode="serialization", ref_template="#/$defs/{model}")
    definitions = detail.pop("$defs")
    detail["properties"]["status"] = {"const": status.value}
    if detail_type == DELAYED:
        detail["properties"]["status"] = {"enum": [Status.RECEIVED, Status.SUBMITTING, Status.SUBMITTED]}
    present = {
        DELAYED: {"delay"},
        DETAIL_TYPES[Status.SUCCEEDED]: {"result", "audio", "usage"},
        DETAIL_TYPES[Status.FAILED]: {"error"},
    }.get(detail_type, set())
    for name in {"result", "audio", "usage", "error", "delay"} - present:
        detail["properties"][name] = {"type": "null"}
    for name in present:
        detail["properties"][name] = next(
            kind for kind in detail["properties"][name]["anyOf"] if kind.get("type") != "null"
        )
    detail["required"] = sorted(Detail.model_fields)
    return _event(detail_type, detail, definitions)


def pause_event_schema(detail_type: str) -> dict[str, Any]:
    """Return the JSON Schema of an event about a pause."""
    detail = PauseDetail.model_json_schema(mode="serialization")
    resumed = next(kind for kind in detail["properties"]["resumed_at"]["anyOf"] if kind.get("type") != "null")
    detail["properties"]["resumed_at"] = {"type": "null"} if detail_type == PAUSED else resumed
    detail["required"] = sorted(PauseDetail.model_fields)
    return _event(detail_type, detail, {})


def _event(detail_type: str, detail: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    return {
        "$schema": _DRAFT,
        "title": detail_type,
        "type": "object",
        "required": ["source", "detail-type", "detail", "id", "time"],
        "properties": {
            "source": {"const": SOURCE},
            "detail-type": {"const": detail_type},
            "id": {"type": "string", "description": "assigned by EventBridge; a repeated event has another id"},
            "time": {"type": "string", "format": "date-time"},
            "detail": detail,
        },
        **({"$defs": definitions} if definitions else {}),
    }


def sample_announcements() -> dict[str, Announcement]:
    """Return the start and the end of a pause of one model, by the type of their event."""
    message = "The free tier of the model has been exhausted."
    begun = start_pause(Pauses(), "AllocationQuota.FreeTierOnly", message, _UPLOADED, model="fun-asr")
    both = end_pauses(begun, ["fun-asr"], _UPLOADED + timedelta(hours=2)).announcements
    return {pause_detail_type(announcement): announcement for announcement in both}


def sample_job(status: Status) -> Job:
    """Return a job with that status, made by the same functions as a real one."""
    media = Media(
        bucket="media-bucket", key="calls/会议 Q1 + Q2.wav", version_id="v1", etag="b1946ac9", size_bytes=123456
    )
    now = _UPLOADED + timedelta(seconds=1)
    job = jobs.receive(job_id_of(media.bucket, media.key, "v1"), media, _UPLOADED, now)
    job = jobs.with_options(
        job, Options(profile="default", model="fun-asr", parameters={"channel_id": [0]}, outputs=DEFAULT_OUTPUTS)
    )
    if status is Status.RECEIVED:
        return delays.after_change(jobs.pause(job, "Arrearage"), now)
    if status is Status.FAILED:
        refused = media.model_copy(update={"key": "notes/minutes.docx"})
        code, message = refusal(refused) or ("", "")
        failed = jobs.receive(job_id_of(media.bucket, refused.key, "v1"), refused, _UPLOADED, now)
        return jobs.fail(failed, Failure(code=code, message=message, category="permanent"), now)
    job = jobs.submitted(jobs.claim(job, "0" * 32, now), "7bac899c-06ec-4a79-8875-xxxxxxxxxxxx", now, _REQUEST_ID)
    if status is Status.SUBMITTED:
        return job
    return jobs.succeed(
        jobs.scheduled(job, now + timedelta(seconds=1)),
        result_folder("results-bucket", media.key, job.job_id),
        AudioFacts(duration_ms=3834, speech_ms=2480, channels=[0], format="pcm_s16le", sample_rate=16000),
        Usage(billed_seconds=3, estimated_cost_usd=0.000105),
        [],
        now + timedelta(seconds=4),
        now + timedelta(seconds=5),
    )


def sample_event(status: Status, detail_type: str) -> dict[str, Any]:
    """Return an event as a subscriber receives it."""
    published = _UPLOADED + (timedelta(minutes=15, seconds=7) if detail_type == DELAYED else timedelta(seconds=7))
    detail = (delay_detail_of if detail_type == DELAYED else detail_of)(sample_job(status), published)
    return _envelope(detail_type, detail.model_dump(mode="json"), published)


def _envelope(
    detail_type: str, detail: dict[str, Any], published: datetime = _UPLOADED + timedelta(seconds=7)
) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": detail_type,
        "source": SOURCE,
        "account": "111122223333",
        "time": f"{published:%Y-%m-%dT%H:%M:%SZ}",
        "region": "us-east-1",
        "resources": [],
        "detail": detail,
    }


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
        disputed = sorted(set().union(*(model.disputed_languages for model in models)))
        if disputed:
            lines += [
                f"The vendor's pages disagree about {' '.join(disputed)}. These codes are accepted with the warning "
                "`VENDOR_PAGES_DISAGREE`.",
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
