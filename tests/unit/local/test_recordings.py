"""`make run FILES=…`: which files a text names."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.main_job import counter, folders_for, on_screen
from local.processes import StackError
from local.recordings import Recording, recordings_of


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a.wav", "it's.wav", "my talk.wav", "calls/a.wav", "calls/b.MP3", "calls/notes.txt", "empty/x.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ("a.wav", ["a.wav"]),
        ("a.wav calls/b.MP3", ["a.wav", "calls/b.MP3"]),
        ("it's.wav", ["it's.wav"]),
        ("it's.wav a.wav", ["it's.wav", "a.wav"]),
        ("my talk.wav", ["my talk.wav"]),
        ("'my talk.wav' a.wav", ["my talk.wav", "a.wav"]),
        ("calls/*", ["calls/a.wav", "calls/b.MP3", "calls/notes.txt"]),
        ("**/*.wav", ["a.wav", "calls/a.wav", "it's.wav", "my talk.wav"]),
        ("calls", ["calls/a.wav", "calls/b.MP3"]),
        ("a.wav ./a.wav", ["./a.wav"]),
    ],
)
def test_files_directories_patterns_and_odd_names_are_found(folder: Path, files: str, names: list[str]) -> None:
    assert [recording.path for recording in recordings_of(files)] == [Path(name) for name in names]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ("missing.wav", "'missing.wav'"),
        ("a.wav no*.mp3", "'no*.mp3'"),
        ("it's.wav my talk.wav", "'my', 'talk.wav'"),
        ("empty", "holds no recording"),
    ],
)
def test_a_name_without_a_file_is_refused_with_a_sentence(folder: Path, files: str, says: str) -> None:
    with pytest.raises(StackError, match="directory") as refused:
        recordings_of(files)
    assert says in str(refused.value)


def test_two_files_of_one_name_get_different_keys(folder: Path) -> None:
    keys = [recording.key for recording in recordings_of("a.wav calls/a.wav calls/b.MP3")]
    assert keys == ["uploads/1/a.wav", "uploads/2/a.wav", "uploads/b.MP3"]


def test_two_keys_never_share_a_folder(tmp_path: Path) -> None:
    recordings = [Recording(Path(), "uploads/a?.wav"), Recording(Path(), "uploads/a*.wav")]
    assert len(set(folders_for(recordings, tmp_path).values())) == 2


def test_a_long_list_shows_failed_and_running_files_and_a_count() -> None:
    statuses = ["SUCCEEDED"] * 11 + ["FAILED"] + ["SUBMITTED"] * 8 + ["uploaded"] * 10
    recordings = [Recording(Path(), f"{number}.wav", status) for number, status in enumerate(statuses)]
    shown = on_screen(recordings, rows=10)
    assert [recording.status for recording in shown] == ["FAILED"] + ["SUBMITTED"] * 8 + ["uploaded"]
    assert counter(recordings) == "12 of 30 recordings finished, 1 failed, 8 at DashScope"
    assert on_screen(recordings, rows=30) == recordings
