"""Rendering the files of a finished job again."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from dashscribe.services.render import Choice, render_again

NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Folder:
    """The files of one job in memory."""

    def __init__(self, **report: object) -> None:
        result = {
            "transcripts": [{"text": "Hello.", "sentences": [{"begin_time": 0, "end_time": 9, "text": "Hello."}]}]
        }
        job = {
            "job_id": "j",
            "media": {"bucket": "media", "key": "a.wav"},
            "timing": {"uploaded_at": "2026-01-01T00:00:00Z"},
            **report,
        }
        self.files = {"result.json": json.dumps(result).encode(), "job.json": json.dumps(job).encode()}

    def read(self, name: str) -> bytes | None:
        return self.files.get(name)

    def write(self, name: str, body: bytes, content_type: str) -> None:
        self.files[name] = body


def test_rendering_without_subtitles_keeps_the_warnings_about_the_subtitles() -> None:
    folder = Folder(subtitle_warnings={"CUE_TOO_SHORT": 3})
    render_again(folder, Choice(outputs=("txt",)), lambda: NOW, "1.0")
    assert json.loads(folder.files["job.json"])["subtitle_warnings"] == {"CUE_TOO_SHORT": 3}


def test_each_rendering_is_added_to_the_earlier_ones() -> None:
    folder = Folder()
    for outputs in (("txt",), ("srt",)):
        render_again(folder, Choice(outputs=outputs), lambda: NOW, "1.0")
    renderings = json.loads(folder.files["job.json"])["renderings"]
    assert [each["outputs"] for each in renderings] == [["txt"], ["srt"]]
