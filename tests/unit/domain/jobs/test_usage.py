"""What a file costs: per second, per channel or per token, as the vendor bills it."""

from __future__ import annotations

from typing import Any

import pytest

from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs.job import Job, Usage
from dashscribe.domain.jobs.job_files import transcript_names, usage_of
from dashscribe.domain.recognition.catalogue import CATALOGUE, Region
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.vendor_usage import TaskUsage, Tokens
from dashscribe.domain.transcripts.transcript import neutral
from dashscribe.domain.transcripts.vendor_result import VendorResult

FILETRANS, OMNI = "qwen3-asr-flash-filetrans", "qwen3.8-omni-flash"
AUDIO_31 = "qwen-audio-3.1-asr-flash-filetrans"
SPOKEN = {"transcripts": [{"channel_id": n, "content_duration_in_milliseconds": 2480, "text": "Hi."} for n in (0, 1)]}


def usage(
    job: Job,
    model: str,
    reported: object,
    parameters: dict[str, Any] | None = None,
    region: Region = Region.INTERNATIONAL,
) -> Usage:
    options = Options(profile="p", model=model, family=CATALOGUE[model].family, parameters=parameters or {})
    with_options = jobs.with_options(job, options)
    transcript = neutral(VendorResult.model_validate(SPOKEN), **transcript_names(with_options))
    found = TaskUsage.model_validate(reported)
    return usage_of(with_options, transcript, found.billed_seconds, region, found.tokens)


def test_two_requested_channels_of_qwen3_filetrans_are_two_charges(job: Job) -> None:
    one = usage(job, FILETRANS, {"seconds": 10}, {"channel_id": [0]})
    two = usage(job, FILETRANS, {"seconds": 10}, {"channel_id": [0, 1]})
    assert (one.billed_seconds, one.estimated_cost_usd) == (10, 0.00035)
    assert (two.billed_seconds, two.estimated_cost_usd) == (20, 0.0007)
    assert usage(job, FILETRANS, {"seconds": 10}).billed_seconds == 10


def test_fun_asr_is_billed_for_what_it_reports_or_for_the_speech_of_each_channel(job: Job) -> None:
    both = {"channel_id": [0, 1]}
    assert usage(job, "fun-asr", {"duration": 6}, both).billed_seconds == 6
    assert usage(job, "fun-asr", {}, both).billed_seconds == 3 + 3


@pytest.mark.parametrize(
    ("model", "region", "cost"),
    [
        (AUDIO_31, Region.INTERNATIONAL, 0.62),
        (AUDIO_31, Region.BEIJING, 0.495),
        (OMNI, Region.INTERNATIONAL, 0.62),
        ("qwen3-omni-flash", Region.INTERNATIONAL, None),
    ],
)
def test_a_model_that_bills_tokens_costs_the_list_price_of_its_tokens(
    job: Job, model: str, region: Region, cost: float | None
) -> None:
    reported = {"input_tokens": 1_000_000, "output_tokens": 1_000_000, "total_tokens": 2_000_000}
    found = usage(job, model, reported, region=region)
    assert found.tokens == Tokens(input=1_000_000, output=1_000_000, total=2_000_000)
    assert found.estimated_cost_usd == cost


def test_tokens_of_a_model_with_a_price_per_second_do_not_change_its_cost(job: Job) -> None:
    reported = {"seconds": 1, "prompt_tokens": 42, "completion_tokens": 12, "total_tokens": 54}
    found = usage(job, "qwen3-asr-flash", reported)
    assert (found.billed_seconds, found.estimated_cost_usd, found.tokens) == (
        1,
        0.000035,
        Tokens(input=42, output=12, total=54),
    )


@pytest.mark.parametrize(
    ("reported", "tokens"),
    [
        (
            {
                "prompt_tokens": 42,
                "prompt_tokens_details": {"audio_tokens": 42, "text_tokens": 0},
                "completion_tokens": 12,
                "completion_tokens_details": {"text_tokens": 12},
                "total_tokens": 54,
            },
            Tokens(input=42, output=12, total=54, audio=42),
        ),
        (
            {"input_tokens_details": {"text_tokens": 0}, "output_tokens_details": {"text_tokens": 6}, "seconds": 1},
            Tokens(output=6),
        ),
        ({"seconds": 1}, None),
        ({"prompt_tokens": -1, "prompt_tokens_details": [7], "output_tokens": "many", "total_tokens": 10**30}, None),
        ({"prompt_tokens_details": {"audio_tokens": {"x": 1}}, "completion_tokens": 0}, Tokens(output=0)),
    ],
)
def test_tokens_are_read_from_either_endpoint_and_odd_numbers_are_unknown(
    reported: object, tokens: Tokens | None
) -> None:
    assert TaskUsage.model_validate(reported).tokens == tokens
