"""Transcribe one file: with its scripted answer, or by download and recognition."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import logging
from collections.abc import Hashable
from concurrent.futures import Executor
from typing import Any

import httpx

from local.simulator.checks import OSS
from local.simulator.recognition import RecognitionError, build_transcript, recognise
from local.simulator.scenario import Scenario, decode_path
from local.simulator.speakers import Diarization
from local.simulator.uploads import Uploads

CONTAINER_HOST = "host.docker.internal"
"""The name of this machine inside a container. Presigned URLs that were made in a container have this host name."""

MAX_REMEMBERED_RECOGNITIONS = 100

_PUNCTUATION = ".,;:!?。、,;:!?…"


class Transcriber:
    """The steps that tasks and synchronous calls share."""

    def __init__(self, scenario: Scenario, recognisers: Executor, uploads: Uploads | None = None) -> None:
        self._scenario = scenario
        self._uploads = uploads
        self._recognisers = recognisers
        self._recognitions: dict[Hashable, asyncio.Future[dict[str, Any]]] = {}
        # No time-out for a free connection: in a burst, downloads wait in our own queue, not for the file server.
        self._downloads = httpx.AsyncClient(timeout=httpx.Timeout(30, pool=None), follow_redirects=False)

    async def close(self) -> None:
        await self._downloads.aclose()

    async def take_scripted_answer(self, url: str) -> dict[str, Any]:
        """Return the next scripted answer for this file, after its delay; empty if the file has no script."""
        script = self._scenario.script_for(decode_path(url))
        answer: dict[str, Any] = script.next_answer() if script else {}
        await asyncio.sleep(answer.get("seconds", 0))
        return answer

    async def recognise(
        self,
        media: bytes,
        channels: list[int],
        longest_seconds: int | None = None,
        *,
        silence_fails: bool = True,
        diarization: Diarization | None = None,
    ) -> dict[str, Any]:
        """Run `recognition.recognise` in another process, once for the same recording and arguments."""
        request = (hashlib.sha256(media).digest(), tuple(channels), longest_seconds, silence_fails, diarization)
        try:
            if request not in self._recognitions:
                if len(self._recognitions) >= MAX_REMEMBERED_RECOGNITIONS:
                    self._recognitions.pop(next(iter(self._recognitions)))
                self._recognitions[request] = asyncio.get_running_loop().run_in_executor(
                    self._recognisers, recognise, media, channels, longest_seconds, silence_fails, diarization
                )
            # Others may wait for the same recognition: the cancellation of this caller must not end it.
            return copy.deepcopy(await asyncio.shield(self._recognitions[request]))
        except RecognitionError:
            raise
        except Exception as error:  # a crashed recogniser: the task must end, and a call must get a response
            self._recognitions.pop(request, None)
            logging.exception("recognition failed")
            raise RecognitionError("InternalError.Algo", "An internal error has occurred during execution.") from error

    async def download(self, url: str) -> bytes:
        """Download a presigned URL, which is used byte by byte. `CONTAINER_HOST` is this machine.

        An `oss://` URL is an uploaded file. Raises `RecognitionError` with the vendor's code.
        """
        if url.startswith(OSS):
            uploaded = self._uploads.find(url) if self._uploads else None
            if uploaded is None:
                raise RecognitionError("FILE_404_NOT_FOUND")
            return uploaded
        if not url.isascii() or " " in url:  # the vendor does not encode URLs (docs/vendor-api.md#file-urls)
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


def document_for_text(text: str, diarization: Diarization | None = None) -> dict[str, Any]:
    """Return the result JSON of a scripted text: one sentence of one speaker, with 300 ms for each word."""
    words = []
    for n, (word, punctuation) in enumerate(map(_split_punctuation, text.split())):
        spoken = (" " if n else "") + word
        words.append({"begin_time": 300 * n, "end_time": 300 * n + 280, "text": spoken, "punctuation": punctuation})
    length = 300 * len(words)
    speaker = {} if diarization is None else {"speaker_id": 0}
    sentence = {"begin_time": 0, "end_time": length, "text": text, "sentence_id": 1, **speaker, "words": words}
    return {
        "properties": {
            "audio_format": "pcm_s16le",
            "channels": [0],
            "original_sampling_rate": 16000,
            "original_duration_in_milliseconds": length + 500,
        },
        "transcripts": [build_transcript(0, [sentence])],
    }


def _split_punctuation(word: str) -> tuple[str, str]:
    """Separate the punctuation at the end of a word. A word of punctuation only is a word."""
    text = word.rstrip(_PUNCTUATION)
    return (text, word[len(text) :]) if text else (word, "")
