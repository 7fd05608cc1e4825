from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dashscribe.domain.recognition.media import job_id_of
from dashscribe.domain.transcripts.result_files import (
    MAX_FILE_NAME_BYTES,
    MAX_KEY_BYTES,
    RESULT_FILE_NAMES,
    ResultFolder,
    result_folder,
    result_prefix,
)

JOB = "0123456789abcdef" * 2
KEYS = st.builds(
    lambda filler, times, end: filler * times + end,
    st.sampled_from(["a", "é", "中", "😀", "/", "%", " +"]),
    st.integers(0, 1100),
    st.text(max_size=20),
)


@pytest.mark.parametrize("key", ["talk.wav", "a b+c%20'\"é中😀.wav", "/x//y.wav", "k" * 900])
def test_result_keys_have_the_media_key_and_the_job_id_as_prefix(key: str) -> None:
    location = result_folder("results", key, JOB)
    assert location.bucket == "results"
    assert location.prefix == f"{key}/{JOB}/"
    assert location.files.model_dump() == {
        "result": f"{key}/{JOB}/result.json",
        "transcript": f"{key}/{JOB}/transcript.json",
        "text": f"{key}/{JOB}/transcript.txt",
        "srt": f"{key}/{JOB}/transcript.srt",
        "vtt": f"{key}/{JOB}/transcript.vtt",
        "html": f"{key}/{JOB}/transcript.html",
        "job": f"{key}/{JOB}/job.json",
    }


@settings(max_examples=300)
@given(KEYS)
@example("a" * 976)
@example("a" * 977)
@example("😀" * 256)
def test_no_result_key_is_longer_than_s3_allows(key: str) -> None:
    files = result_folder("results", key, JOB).files.keys
    assert max(len(name.encode()) for name in files) <= MAX_KEY_BYTES


@settings(max_examples=300)
@given(st.lists(KEYS, min_size=2, max_size=6, unique=True))
@example(["x" * 1000 + ".wav", "x" * 1000 + ".mp3"])
@example(["中" * 340 + "a", "中" * 340 + "b"])
def test_different_media_keys_have_different_prefixes(keys: list[str]) -> None:
    assert len({result_prefix(key, JOB) for key in keys}) == len(keys)


def test_a_key_that_looks_like_a_cut_key_has_its_own_prefix() -> None:
    long = "x" * 1024
    imitation = result_prefix(long, JOB).removesuffix(f"/{JOB}/")
    prefixes = [result_prefix(key, job_id_of("media", key, "v1")) for key in (long, imitation)]
    assert prefixes[0] != prefixes[1]


@pytest.mark.parametrize("character", ["a", "é", "中", "😀"])
def test_a_cut_key_keeps_its_beginning_in_whole_characters_and_ends_in_its_hash(character: str) -> None:
    kept, _, mark = result_prefix(character * 1024, JOB).removesuffix(f"/{JOB}/").rpartition("~")
    assert set(kept) == {character}
    assert len(kept.encode()) > 900
    assert len(mark) == 16


@pytest.mark.parametrize("sign", ["a", "é", "中", "😀"])
def test_a_key_that_fits_is_not_cut(sign: str) -> None:
    lengths = [len(result_prefix(sign * times, JOB).encode()) for times in range(1, 300)]
    longest = MAX_KEY_BYTES - MAX_FILE_NAME_BYTES - len(sign.encode())
    assert all(longer - shorter == len(sign.encode()) for shorter, longer in pairwise(lengths) if longer < longest)


def test_every_file_name_fits_in_the_bytes_that_a_key_leaves_for_it() -> None:
    assert max(map(len, RESULT_FILE_NAMES)) <= MAX_FILE_NAME_BYTES


def test_only_the_chosen_outputs_have_keys() -> None:
    files = result_folder("results", "a.wav", JOB, ("md", "txt")).files
    assert [key.rpartition("/")[2] for key in files.keys] == [
        "result.json",
        "transcript.json",
        "job.json",
        "transcript.md",
        "transcript.txt",
    ]
    with pytest.raises(KeyError):
        files["srt"]


def test_a_record_from_before_outputs_could_be_chosen_has_the_files_of_that_time() -> None:
    files = ResultFolder.model_validate({"bucket": "results", "prefix": "a.wav/j/"}).files
    assert set(files.model_dump()) == {"result", "transcript", "job", "text", "srt", "vtt"}
