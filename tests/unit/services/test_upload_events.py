from __future__ import annotations

import json
from typing import Any

import pytest

from dashscribe.errors import MalformedMessage
from dashscribe.services.upload_events import ObjectCreated, parse_message


def uploaded(**changes: Any) -> ObjectCreated:
    document = {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "time": "2026-01-01T00:00:00Z",
        "detail": {"bucket": {"name": "b"}, "object": {"key": "k.mp3", "size": 1, "sequencer": "01", **changes}},
    }
    message = parse_message(json.dumps(document))
    assert isinstance(message, ObjectCreated)
    return message


def test_overwriting_an_object_of_a_bucket_with_suspended_versioning_is_a_new_job() -> None:
    first = uploaded(**{"version-id": "null", "sequencer": "01"})
    second = uploaded(**{"version-id": "null", "sequencer": "02"})
    assert first.job_id != second.job_id
    assert (first.media.version_id, second.media.version_id) == (None, None)


def test_a_null_version_without_a_sequencer_identifies_no_upload() -> None:
    with pytest.raises(MalformedMessage, match="neither"):
        uploaded(**{"version-id": "null", "sequencer": None})


@pytest.mark.parametrize("name", ["key", "version-id", "sequencer", "etag"])
def test_half_a_character_is_malformed(name: str) -> None:
    with pytest.raises(MalformedMessage, match=name.replace("-", ".id|version-")):
        uploaded(**{name: "a\ud83d"})
