"""Messages, metadata, profiles documents and keys of any content."""

from __future__ import annotations

import json
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashscribe.adapters.dynamodb.items import to_item
from dashscribe.adapters.sqs_queues import SqsDeadLetterQueue
from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.recognition.media import Media, is_ignored, refusal
from dashscribe.domain.recognition.profiles import Profiles
from dashscribe.domain.transcripts.result_files import MAX_KEY_BYTES, result_folder
from dashscribe.errors import InvalidOptions, MalformedMessage, ProfilesUnreadable
from dashscribe.services.messages import RequeuedJob
from dashscribe.services.ports import Message
from dashscribe.services.upload_events import ObjectCreated, parse_message
from tests.support.constants import MEDIA_BUCKET, RESULTS_BUCKET, START, SUBMITTED, SUCCEEDED
from tests.support.hostile_input import HEX, nested, options_of, s3_event
from tests.support.world import World


@pytest.mark.parametrize("depth", range(880, 1010, 2))
def test_json_nested_just_below_pythons_limit_is_refused(depth: int) -> None:
    for text in (f'{{"channel_id": {nested(depth)}}}', json.dumps({"special_word_filter": nested(depth)})):
        with pytest.raises(InvalidOptions):
            options_of({"dashscribe-parameters": text})


ANY_TEXT = st.text(st.characters())  # with lone surrogates, which JSON can contain
NUMBERS = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400), 1e308, 5e-324])
ANY_VALUE = st.recursive(
    st.none() | st.booleans() | NUMBERS | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)


def parsed(body: str) -> ObjectCreated | RequeuedJob | None:
    """The parsed message, or None when it is malformed."""
    with suppress(MalformedMessage):
        return parse_message(body)
    return None


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT | ANY_VALUE.map(json.dumps))
def test_any_text_is_parsed_or_refused_as_malformed(body: str) -> None:
    assert parsed(body) is None or isinstance(parsed(body), ObjectCreated | RequeuedJob)


@settings(max_examples=200, deadline=None)
@given(
    ANY_TEXT
    | ANY_VALUE.map(json.dumps)
    | st.dictionaries(ANY_TEXT, st.just(1)).map(lambda extra: json.dumps({**extra, "job_id": "x"}))
)
def test_the_reason_of_a_dead_lettered_message_is_text_that_sqs_accepts(body: str) -> None:
    sent: list[str] = []

    def send_message(*, MessageAttributes: Any, **_: Any) -> None:  # noqa: N803 - boto3's own name
        sent.append(MessageAttributes["reason"]["StringValue"])

    client: Any = SimpleNamespace(send_message=send_message)
    try:
        parse_message(body)
    except MalformedMessage as error:
        SqsDeadLetterQueue(client, "https://queue").send(body, str(error))
        [reason] = sent
        assert 0 < len(reason) <= 1000
        assert reason.isprintable()


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(ANY_TEXT, ANY_VALUE, max_size=3), ANY_VALUE)
def test_a_requeue_message_with_any_content_is_parsed_or_refused_as_malformed(
    extra: dict[str, Any], job_id: Any
) -> None:
    found = parsed(json.dumps({**extra, "job_id": job_id}))
    assert found is None or found == RequeuedJob(job_id=job_id)


S3_OBJECT = st.fixed_dictionaries(
    {"key": ANY_TEXT | ANY_VALUE},
    optional=dict.fromkeys(("size", "etag", "version-id", "sequencer", "more"), ANY_VALUE | ANY_TEXT),
)
TIMES = st.datetimes().map(str) | st.sampled_from(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "now"])


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    S3_OBJECT,
    st.just({"name": MEDIA_BUCKET}) | ANY_VALUE,
    st.just("2026-01-01T00:00:00Z") | TIMES | ANY_VALUE,
    st.just("aws.s3") | ANY_VALUE,
    st.just("Object Created") | ANY_VALUE,
)
def test_an_s3_event_with_any_content_is_parsed_or_refused_as_malformed(
    found: dict[str, Any], bucket: Any, moment: Any, source: Any, kind: Any
) -> None:
    body = {"source": source, "detail-type": kind, "time": moment, "detail": {"bucket": bucket, "object": found}}
    event = parsed(json.dumps(body))
    if isinstance(event, ObjectCreated):
        assert len(event.job_id) == 32
        assert event.media.key == found["key"]
        assert isinstance(is_ignored(event.media, RESULTS_BUCKET), bool)
        assert refusal(event.media) is None or all(refusal(event.media) or ())


@settings(max_examples=200, deadline=None)
@given(st.lists(ANY_TEXT | ANY_VALUE.map(json.dumps) | S3_OBJECT.map(lambda each: s3_event(object=each)), max_size=5))
def test_an_upload_is_transcribed_whatever_other_messages_are_in_its_batch(bodies: list[str]) -> None:
    world = World()
    good = world.upload("good.wav", queued=False)
    report = world.submit_service().run([Message(str(n), body) for n, body in enumerate([*bodies, good])])
    world.run_until_quiet()
    assert world.bus.events_of("good.wav") == [SUBMITTED, SUCCEEDED]
    assert str(len(bodies)) not in report.failed_message_ids


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT | ANY_VALUE.map(json.dumps) | st.fixed_dictionaries({"profiles": ANY_VALUE}).map(json.dumps))
def test_any_profiles_document_is_parsed_or_refused_as_unreadable(document: str) -> None:
    with suppress(ProfilesUnreadable):
        assert isinstance(Profiles.parse(document), Profiles)


METADATA = st.dictionaries(
    st.sampled_from(["dashscribe-model", "dashscribe-profile", "dashscribe-parameters"]) | ANY_TEXT,
    ANY_TEXT
    | ANY_VALUE.map(json.dumps)
    | st.fixed_dictionaries(
        {},
        optional={
            "speech_noise_threshold": NUMBERS,
            "vocabulary_id": ANY_TEXT,
            "channel_id": st.lists(NUMBERS, max_size=2) | st.just([0]),
            "language_hints": st.lists(ANY_TEXT | st.just("en"), max_size=2),
            "special_word_filter": ANY_VALUE,
        },
    ).map(json.dumps),
    max_size=3,
)


@settings(max_examples=400, deadline=None)
@given(METADATA)
def test_accepted_options_can_be_stored_and_sent(metadata: dict[str, str]) -> None:
    try:
        options = options_of(metadata)
    except InvalidOptions as error:
        str(error).encode()
        return
    media = Media(bucket=MEDIA_BUCKET, key="a.wav", size_bytes=1)
    job = jobs.with_options(jobs.receive(HEX, media, START, START), options)
    assert to_item(job.model_dump(mode="json"))
    assert json.dumps(options.parameters, ensure_ascii=False, allow_nan=False).encode()


@settings(max_examples=300, deadline=None)
@given(st.text(min_size=1, max_size=1024))
def test_the_result_keys_of_any_media_key_have_its_prefix_and_at_most_1024_bytes(key: str) -> None:
    location = result_folder(RESULTS_BUCKET, key, HEX)
    files = location.files.keys
    assert all(file.startswith(location.prefix) and len(file.encode()) <= MAX_KEY_BYTES for file in files)
    assert location.prefix.endswith(f"/{HEX}/")
    kept, mark, _ = location.prefix.removesuffix(f"/{HEX}/").rpartition("~")
    assert location.prefix == f"{key}/{HEX}/" or (mark and key.startswith(kept))
