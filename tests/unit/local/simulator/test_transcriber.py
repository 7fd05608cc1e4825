"""The simulator recognises the same recording once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.simulator import transcriber
from local.simulator.recognition import RecognitionError
from local.simulator.scenario import Behaviour, Scenario
from local.simulator.transcriber import Transcriber

Recognitions = list[tuple[Any, ...]]


@pytest.fixture
def recognitions(monkeypatch: pytest.MonkeyPatch) -> Recognitions:
    """The arguments of each recognition. A recording of `noise` has no speech; `crash` crashes the recogniser once."""
    done: Recognitions = []

    def recognise(media: bytes, *arguments: Any) -> dict[str, Any]:
        done.append((media, *arguments))
        time.sleep(0.05)
        if media == b"noise":
            raise RecognitionError("SUCCESS_WITH_NO_VALID_FRAGMENT")
        if media == b"crash" and len(done) == 1:
            raise OSError
        return {"transcripts": [media.decode()]}

    monkeypatch.setattr(transcriber, "recognise", recognise)
    return done


def run(calls: Callable[[Transcriber], Awaitable[Any]]) -> Any:
    async def with_transcriber() -> Any:
        with ThreadPoolExecutor() as recognisers:
            used = Transcriber(Scenario(Behaviour()), recognisers)
            try:
                return await calls(used)
            finally:
                await used.close()

    return asyncio.run(with_transcriber())


def test_the_same_recording_is_recognised_once(recognitions: Recognitions) -> None:
    async def calls(used: Transcriber) -> list[Any]:
        together = await asyncio.gather(used.recognise(b"walk", [0]), used.recognise(b"walk", [0]))
        return [*together, await used.recognise(b"walk", [0])]

    assert run(calls) == [{"transcripts": ["walk"]}] * 3
    assert len(recognitions) == 1


def test_another_recording_or_another_argument_is_recognised_anew(recognitions: Recognitions) -> None:
    async def calls(used: Transcriber) -> None:
        await used.recognise(b"walk", [0])
        await used.recognise(b"talk", [0])
        await used.recognise(b"walk", [1])
        await used.recognise(b"walk", [0], 300)
        await used.recognise(b"walk", [0], silence_fails=False)

    run(calls)
    assert len(recognitions) == 5


def test_a_reply_that_is_changed_does_not_change_the_next_one(recognitions: Recognitions) -> None:
    async def calls(used: Transcriber) -> Any:
        (await used.recognise(b"walk", [0]))["transcripts"].clear()
        return await used.recognise(b"walk", [0])

    assert run(calls) == {"transcripts": ["walk"]}


def test_a_recording_without_speech_fails_each_time(recognitions: Recognitions) -> None:
    async def calls(used: Transcriber) -> list[Any]:
        return [(await asyncio.gather(used.recognise(b"noise", [0]), return_exceptions=True))[0] for _ in range(2)]

    assert [error.code for error in run(calls)] == ["SUCCESS_WITH_NO_VALID_FRAGMENT"] * 2
    assert len(recognitions) == 1


def test_a_caller_that_stops_waiting_does_not_stop_the_others(recognitions: Recognitions) -> None:
    async def calls(used: Transcriber) -> Any:
        first = asyncio.create_task(used.recognise(b"walk", [0]))
        second = asyncio.create_task(used.recognise(b"walk", [0]))
        await asyncio.sleep(0.01)
        first.cancel()
        return await second

    assert run(calls) == {"transcripts": ["walk"]}
    assert len(recognitions) == 1


def test_a_recording_whose_recogniser_crashed_is_recognised_again(recognitions: Recognitions) -> None:
    async def calls(used: Transcriber) -> Any:
        with pytest.raises(RecognitionError, match="internal error"):
            await used.recognise(b"crash", [0])
        return await used.recognise(b"crash", [0])

    assert run(calls) == {"transcripts": ["crash"]}


def test_only_the_last_recordings_are_remembered(recognitions: Recognitions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcriber, "MAX_REMEMBERED_RECOGNITIONS", 2)

    async def calls(used: Transcriber) -> None:
        for media in (b"1", b"2", b"3", b"3", b"2", b"1"):
            await used.recognise(media, [0])

    run(calls)
    assert [media for media, *_ in recognitions] == [b"1", b"2", b"3", b"1"]
