"""A result is matched to its file by the URL that the vendor names, in whatever form it names it."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from urllib.parse import quote, unquote

import pytest

from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.catalogue import ModelSpec
from dashscribe.domain.recognition.task_replies import AcceptedTask
from tests.support.constants import SUCCEEDED
from tests.support.world import World


def without_query(url: str) -> str:
    return url.partition("?")[0]


def submissions(world: World) -> int:
    return sum(len(task.urls) for task in world.vendor.tasks.values())


def texts(world: World) -> dict[str, str]:
    """The transcript of each upload, by its key and version."""
    return {
        f"{detail.media.key}{detail.media.version_id or ''}": world.text_of(detail)
        for kind, detail in world.bus.events
        if kind == SUCCEEDED
    }


def said(*names: str) -> dict[str, str]:
    return {name: f"said {name}.\n" for name in names}


ECHOES: dict[str, Callable[[str], str]] = {
    "percent-encoded": lambda url: quote(url, safe=""),
    "percent-encoded after the host": lambda url: url.partition("?")[0] + "?" + quote(url.partition("?")[2], safe=""),
    "HTML": lambda url: html.escape(url),
    "HTML twice": lambda url: html.escape(html.escape(url)),
    "lower case": str.lower,
    "decoded": unquote,
}


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
@pytest.mark.parametrize("files", [1, 3])
def test_urls_in_another_encoding_cost_no_second_submission(echo: Callable[[str], str], files: int) -> None:
    world = World()
    world.vendor.echo = echo
    names = [f"ä b+{number}%20.wav" for number in range(files)]
    for name in names:
        world.upload(name)
    world.run_until_quiet()
    assert (texts(world), submissions(world)) == (said(*names), files)


def test_a_file_never_gets_the_result_of_another_task() -> None:
    """The vendor gives two submissions the same task id."""
    world = World(max_files_per_task=1)
    submit = world.vendor.submit

    def submit_under_one_id(spec: ModelSpec, file_urls: Sequence[str], parameters: JsonObject) -> AcceptedTask:
        accepted = submit(spec, file_urls, parameters)
        return AcceptedTask("task-0") if len(world.vendor.tasks) == 2 else accepted

    world.vendor.submit = submit_under_one_id  # type: ignore[method-assign]
    for name in ("a.wav", "b.wav"):
        world.upload(name)
    world.run_until_quiet(faults=True)
    assert texts(world) == said("a.wav", "b.wav")


def test_a_result_that_names_another_file_of_its_task_is_not_stored() -> None:
    world = World()
    for name in ("a.wav", "b.wav"):
        world.upload(name)
    download = world.vendor.download

    def download_of_the_other(url: str, *, small_only: bool = False) -> JsonObject:
        swapped = url.replace("a.wav", "x").replace("b.wav", "a.wav").replace("x", "b.wav")
        return download(swapped, small_only=small_only)

    world.vendor.download = download_of_the_other  # type: ignore[method-assign]
    world.run_until_quiet(faults=True)
    assert texts(world) == {}
    assert not any(name.endswith("result.json") for name in world.results.files)
    failures = [world.job_of(name).failure for name in ("a.wav", "b.wav")]
    assert [failure.code for failure in failures if failure] == ["RESULT_UNREADABLE"] * 2


@pytest.mark.parametrize("versioned", [True, False])
def test_urls_without_their_query_cost_no_second_submission(versioned: bool) -> None:
    world = World()
    world.vendor.echo = without_query
    for number in range(10):
        world.upload(f"{number}.wav", version_id="v1" if versioned else None)
    world.run_until_quiet()
    assert submissions(world) == 10
    assert texts(world) == said(*(f"{number}.wav{'v1' if versioned else ''}" for number in range(10)))


def test_two_versions_of_one_key_without_a_query_are_submitted_one_by_one_and_keep_their_transcripts() -> None:
    world = World()
    world.vendor.echo = without_query
    for version_id in ("v1", "v2"):
        world.upload("a.wav", version_id=version_id)
    world.upload("b.wav", version_id="v1")
    world.run_until_quiet()
    assert texts(world) == said("a.wavv1", "a.wavv2", "b.wavv1")
    assert (world.vendor.submissions_of("a.wav"), world.vendor.submissions_of("b.wav")) == (4, 1)
    assert not world.records.one_file_only, "the vendor takes several files a task"


def test_a_url_with_its_signature_alone_is_matched() -> None:
    world = World()
    world.vendor.echo = lambda url: "https://mirror.example.com/x?" + url.partition("?")[2].partition("&")[0]
    for version_id in ("v1", "v2"):
        world.upload("a.wav", version_id=version_id)
    world.run_until_quiet()
    assert (texts(world), submissions(world)) == (said("a.wavv1", "a.wavv2"), 2)


@pytest.mark.parametrize("keys", [("a", "a?b"), ("a", "a#b"), ("a b", "a%20b")])
def test_a_decoded_url_without_its_query_never_gives_a_file_the_transcript_of_another(keys: tuple[str, str]) -> None:
    world = World()
    for key in keys:
        world.upload(f"{key}.wav")

    def decoded(url: str) -> str:
        path = unquote(without_query(url))
        return path.partition("#")[0]

    world.vendor.echo = decoded
    world.run_until_quiet()
    assert texts(world) == said(*(f"{key}.wav" for key in keys))
