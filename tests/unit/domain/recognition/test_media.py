from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashscribe.domain.recognition.media import (
    MAX_SIZE_BYTES,
    SUPPORTED_EXTENSIONS,
    Media,
    is_ignored,
    job_id_of,
    refusal,
)
from dashscribe.domain.recognition.watched_keys import WatchedKeys, parse_list
from dashscribe.domain.transcripts.result_files import RESULT_FILE_NAMES, result_prefix


def upload(key: str, size_bytes: int = 1, bucket: str = "media") -> Media:
    return Media(bucket=bucket, key=key, size_bytes=size_bytes)


def code_of(media: Media) -> str | None:
    refused = refusal(media)
    return refused[0] if refused else None


SPECIAL_KEYS = [
    "a b.wav",
    "a+b.wav",
    "a%20b.wav",
    'it\'s "it".wav',
    "🎙️/😀.wav",
    "会议/录音 1.wav",
    "/a.wav",
    "a//b.wav",
    "?#&.wav",
]


@pytest.mark.parametrize("key", SPECIAL_KEYS)
def test_a_key_with_special_characters_is_kept_raw_and_accepted(key: str) -> None:
    assert upload(key).s3_uri == f"s3://media/{key}"
    assert refusal(upload(key)) is None


def test_a_repeated_event_has_the_same_job_id() -> None:
    assert job_id_of("media", "a.wav", "v1") == job_id_of("media", "a.wav", "v1")


@given(st.text(), st.text(alphabet="0123456789ABCDEF", min_size=1))
def test_a_new_upload_under_an_old_key_has_a_new_job_id(key: str, sequencer: str) -> None:
    assert job_id_of("media", key, sequencer) != job_id_of("media", key, sequencer + "0")


@given(st.text(), st.text())
def test_every_key_has_its_own_job_id(one: str, other: str) -> None:
    assert (job_id_of("media", one, "v1") == job_id_of("media", other, "v1")) == (one == other)


def test_bucket_key_and_version_are_separated_in_the_job_id() -> None:
    assert len({job_id_of("b", "a1", "1"), job_id_of("b", "a", "11"), job_id_of("ba", "1", "1")}) == 3


@given(st.text(), st.text())
def test_a_job_id_fits_into_a_key_and_a_url(key: str, version: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", job_id_of("media", key, version))


@pytest.mark.parametrize("extension", SUPPORTED_EXTENSIONS)
def test_every_supported_extension_is_accepted_in_upper_and_lower_case(extension: str) -> None:
    assert code_of(upload(f"x.y/talk.{extension}")) is None
    assert code_of(upload(f"TALK.{extension.upper()}")) is None


@pytest.mark.parametrize(
    ("extension", "name"),
    [
        ("mpg", "mpeg"), ("m4v", "mp4"), ("oga", "ogg"), ("3gp", "mp4"), ("aiff", "aiff"), ("aif", "aiff"),
        ("mka", "mkv"), ("m4b", "m4a"), ("mts", "mts"), ("mp3", "mp3"), ("mpe", "mpeg"), ("ogm", "ogg"),
        ("mp4v", "mp4"), ("rm", "rm"), ("rmvb", "rmvb"), ("ra", "ra"), ("dss", "dss"), ("ds2", "ds2"), ("gsm", "gsm"),
        ("dts", "dts"), ("m2t", "m2t"), ("divx", "divx"), ("dv", "dv"), ("voc", "voc"), ("tta", "tta"),
    ],
)  # fmt: skip
def test_another_extension_of_a_format_is_accepted_and_sent_as_the_format(extension: str, name: str) -> None:
    for key in (f"talk.{extension}", f"TALK.{extension.upper()}"):
        assert (code_of(upload(key)), upload(key).format) == (None, name)


@pytest.mark.parametrize("extension", ["jpg", "png", "pdf", "docx", "zip", "srt", "json", "html", "exe"])
def test_images_archives_and_documents_are_refused(extension: str) -> None:
    assert code_of(upload(f"talk.{extension}")) == "UNSUPPORTED_FORMAT"


@pytest.mark.parametrize("key", ["talk.txt", "talk", "talk.wav.zip", "talk.", "talk.mp3/notes", "talk.wav "])
def test_an_unsupported_file_is_refused_with_the_list_of_formats(key: str) -> None:
    refused = refusal(upload(key))
    assert refused is not None
    assert refused[0] == "UNSUPPORTED_FORMAT"
    assert all(extension in refused[1] for extension in SUPPORTED_EXTENSIONS)


def test_a_refusal_quotes_the_extension_or_says_that_there_is_none() -> None:
    assert "'txt'" in str(refusal(upload("talk.txt")))
    assert "no extension" in str(refusal(upload("talk")))


def test_an_empty_file_is_refused() -> None:
    assert code_of(upload("talk.wav", 0)) == "EMPTY_FILE"


def test_two_gigabytes_are_accepted_and_one_byte_more_is_refused_with_both_sizes() -> None:
    assert code_of(upload("talk.wav", MAX_SIZE_BYTES)) is None
    refused = refusal(upload("talk.wav", MAX_SIZE_BYTES + 1))
    assert refused is not None
    assert refused[0] == "FILE_TOO_LARGE"
    assert "2,147,483,649" in refused[1]
    assert "2,147,483,648" in refused[1]
    assert "Split it or re-encode it" in refused[1]


@pytest.mark.parametrize("key", ["calls/", "a b/中/", "calls_$folder$"])
def test_a_folder_marker_is_ignored(key: str) -> None:
    assert is_ignored(upload(key, 0), "results")


def test_an_empty_recording_is_no_folder_marker() -> None:
    assert not is_ignored(upload("talk.wav", 0), "results")


def test_everything_in_the_results_bucket_is_ignored() -> None:
    assert is_ignored(upload("talk.wav", bucket="results"), "results")


@given(st.text(min_size=1), st.sampled_from(RESULT_FILE_NAMES))
def test_our_own_output_copied_into_the_media_bucket_is_ignored(key: str, name: str) -> None:
    assert is_ignored(upload(result_prefix(key, job_id_of("media", key, "v1")) + name), "results")


@pytest.mark.parametrize(
    "key",
    ["result.json", "x/transcript.srt", f"{'a' * 31}/job.json", f"{'a' * 32}/talk.wav", f"{'a' * 32}/job.json/b.wav"],
)
def test_a_key_that_only_resembles_our_output_is_not_ignored(key: str) -> None:
    assert not is_ignored(upload(key), "results")


@pytest.mark.parametrize(
    ("prefixes", "suffixes", "watched", "others"),
    [
        ((), (), ["a.mp3", "a.srt", "x/a.jpg"], []),
        ((), (".mp3", ".WAV"), ["a.mp3", "A.MP3", "x/a.wav"], ["a.srt", "a.json", "a.mp3.txt", "mp3", "a.jpg"]),
        (("calls/", "meetings/"), (), ["calls/a.mp3", "meetings/a.txt"], ["a.mp3", "Calls/a.mp3", "x/calls/a.mp3"]),
        (("calls/",), (".mp3",), ["calls/a.mp3"], ["calls/a.srt", "a.mp3"]),
    ],
)
def test_a_key_is_watched_by_its_begin_and_its_end(
    prefixes: tuple[str, ...], suffixes: tuple[str, ...], watched: list[str], others: list[str]
) -> None:
    keys = WatchedKeys(prefixes, suffixes)
    assert [key for key in [*watched, *others] if key in keys] == watched


def test_a_list_may_have_blanks_and_empty_parts() -> None:
    assert parse_list(" .mp3 , .wav,,") == (".mp3", ".wav")
    assert parse_list("") == ()
