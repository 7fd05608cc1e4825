"""One file on its way to a transcript: its script if it has one, else download and recognition."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Executor
from typing import Any

import httpx

from local.simulator.play import Play, decoded_path
from local.simulator.recognition import RecognitionError, recognise

CONTAINER_HOST = "host.docker.internal"
"""How a function inside a container names this machine; its presigned URLs say so, and we are that machine."""


class Listener:
    """What tasks and synchronous calls have in common."""

    def __init__(self, play: Play, recognisers: Executor) -> None:
        self._play = play
        self._recognisers = recognisers
        # A burst waits for a free connection as long as it takes: that is our queue, not a slow file server.
        self._downloads = httpx.AsyncClient(timeout=httpx.Timeout(30, pool=None), follow_redirects=False)

    async def close(self) -> None:
        await self._downloads.aclose()

    async def scripted_answer(self, url: str) -> dict[str, Any]:
        """The next answer for this file, after the time that it takes; empty when nothing is scripted."""
        script = self._play.script_for(decoded_path(url))
        answer: dict[str, Any] = script.next_answer() if script else {}
        await asyncio.sleep(answer.get("seconds", 0))
        return answer

    async def recognise(
        self, media: bytes, channels: list[int], longest_seconds: int | None = None, *, silence_fails: bool = True
    ) -> dict[str, Any]:
        """As `recognition.recognise`, in a process beside this one."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(
                self._recognisers, recognise, media, channels, longest_seconds, silence_fails
            )
        except RecognitionError:
            raise
        except Exception as error:  # a recogniser that crashed: its task must end, its caller must have an answer
            logging.exception("recognition failed")
            raise RecognitionError("InternalError.Algo", "An internal error has occurred during execution.") from error

    async def download(self, url: str) -> bytes:
        """GET the presigned URL byte for byte. The container's name for this machine is this machine's loopback."""
        if (
            not url.isascii() or " " in url
        ):  # the vendor does not encode what the caller left unencoded (docs/vendor-api.md#file-urls)
            raise RecognitionError("InvalidFile.DownloadFailed", "The audio file cannot be downloaded.")
        try:
            parts = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise RecognitionError("REQUEST_INVALID_FILE_URL_VALUE") from error
        headers = {}
        if parts.host == CONTAINER_HOST:
            headers["Host"] = parts.netloc.decode()
            url = url.replace(f"//{CONTAINER_HOST}", "//127.0.0.1", 1)
        try:
            response = await self._downloads.get(url, headers=headers)
        except httpx.HTTPError as error:
            raise RecognitionError("FILE_DOWNLOAD_FAILED", "The audio file cannot be downloaded.") from error
        if response.status_code == 403:
            raise RecognitionError("FILE_403_FORBIDDEN")
        if response.status_code == 404:
            raise RecognitionError("FILE_404_NOT_FOUND")
        if response.status_code >= 500:
            raise RecognitionError("FILE_SERVER_ERROR")
        if response.status_code != 200:
            raise RecognitionError("FILE_DOWNLOAD_FAILED", f"HTTP {response.status_code}")
        return response.content


def spoken(text: str) -> dict[str, Any]:
    """A result JSON for a scripted text: 300 ms a word, one sentence."""
    words = [
        {"begin_time": 300 * n, "end_time": 300 * n + 280, "text": (" " if n else "") + word, "punctuation": ""}
        for n, word in enumerate(text.split())
    ]
    length = 300 * len(words)
    sentence = {"begin_time": 0, "end_time": length, "text": text, "sentence_id": 1, "words": words}
    return {
        "properties": {
            "audio_format": "pcm_s16le",
            "channels": [0],
            "original_sampling_rate": 16000,
            "original_duration_in_milliseconds": length + 500,
        },
        "transcripts": [
            {"channel_id": 0, "content_duration_in_milliseconds": length, "text": text, "sentences": [sentence]}
        ],
    }


def seconds_of(document: dict[str, Any]) -> int:
    """How long the recording is, in whole seconds, at least one (docs/vendor-api.md#usage)."""
    milliseconds: int = document["properties"]["original_duration_in_milliseconds"]
    return max(1, -(-milliseconds // 1000))
