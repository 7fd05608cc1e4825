"""S3 events and metadata that are meant to break something."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dashscribe.domain.recognition.catalogue import Region
from dashscribe.domain.recognition.option_resolution import resolve_options
from dashscribe.domain.recognition.profiles import Profiles
from tests.support.constants import MEDIA_BUCKET

HEX = "0123456789abcdef" * 2


def s3_event(**changed: Any) -> str:
    return json.dumps(
        {
            "source": "aws.s3",
            "detail-type": "Object Created",
            "time": "2026-01-01T00:00:00Z",
            "detail": {"bucket": {"name": MEDIA_BUCKET}, **changed},
        }
    )


def nested(depth: int, opening: str = "[", closing: str = "]") -> str:
    return opening * depth + closing * depth


def options_of(metadata: Mapping[str, str]) -> Any:
    return resolve_options("a.wav", metadata, Profiles(), default_model="fun-asr", region=Region.INTERNATIONAL)
