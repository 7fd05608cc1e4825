"""The deadline and the checked addresses of a connection, on a network without sockets."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpcore
import httpx
import pytest

from dashscribe.adapters.dashscope_http import DashScopeHttp
from dashscribe.adapters.dashscope_vocabularies import DashScopeVocabularies
from dashscribe.adapters.http_connections import connection_limits, http_client
from dashscribe.adapters.result_download import ResultDownload
from dashscribe.domain.recognition.catalogue import CATALOGUE
from dashscribe.errors import ResponseLost, ResultUnavailable, VendorUnreachable
from tests.integration.adapters.synchronous_vendor import WHOLE
from tests.support.table import run_concurrently

BODY = json.dumps({"output": {"task_id": "t", "task_status": "RUNNING", "text": "Hello."}}).encode()
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


class Network(httpcore.NetworkBackend, httpcore.NetworkStream):
    """Every address answers with `REPLY`, in one part or byte by byte. The `dead` ones refuse a connection.

    `seconds` has the duration of each step. `steps` has the name of each step, and the longest time that it was given.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, dead: Iterable[str] = ()) -> None:
        self.now = 1_000.0
        self.seconds: dict[str, float] = {}
        self.byte_by_byte = False
        self.is_closed_by_server = False
        self.steps: list[tuple[str, float | None]] = []
        self.connected: list[tuple[str, int]] = []
        self.server_names: list[str | None] = []
        self.sent = b""
        self.closed = 0
        self._dead = frozenset(dead)
        self._left: Iterator[bytes] = iter(())
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(httpcore, "SyncBackend", lambda: self)

    @property
    def request_line(self) -> str:
        return self.sent.partition(b"\r\n")[0].decode()

    @property
    def read_limits(self) -> list[float | None]:
        return [limit for name, limit in self.steps if name == "read"]

    def _step(self, name: str, limit: float | None, expired: type[Exception]) -> None:
        self.steps.append((name, limit))
        duration = self.seconds.get(name, 0.0)
        self.now += duration if limit is None else min(duration, limit)
        if limit is not None and duration > limit:
            raise expired("no answer")

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        self.connected.append((host, port))
        self._step("connect", timeout, httpcore.ConnectTimeout)
        if host in self._dead:
            raise httpcore.ConnectError("refused")
        size = 1 if self.byte_by_byte else len(REPLY)
        self._left = iter([REPLY[at : at + size] for at in range(0, len(REPLY), size)])
        return self

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        self.server_names.append(server_hostname)
        self._step("tls", timeout, httpcore.ConnectTimeout)
        return self

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.sent += buffer
        self._step("write", timeout, httpcore.WriteTimeout)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._step("read", timeout, httpcore.ReadTimeout)
        return next(self._left, b"")

    def close(self) -> None:
        self.closed += 1

    def get_extra_info(self, info: str) -> Any:
        return self.is_closed_by_server if info == "is_readable" else None


def client_of(*, only_checked_addresses: bool = False) -> httpx.Client:
    return http_client(lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), only_checked_addresses=only_checked_addresses)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    return Network(monkeypatch)


def test_each_step_of_a_connection_has_the_time_that_is_left(network: Network) -> None:
    network.seconds = {"connect": 1.0, "tls": 1.0, "write": 0.25}
    with client_of() as client, connection_limits(network.now + 10):
        client.get("https://host.test/", timeout=30)
    writes = [("write", 8.0), ("write", 7.75), ("write", 7.5)]
    assert network.steps == [("connect", 10.0), ("tls", 9.0), *writes, ("read", 7.25)]
    assert network.server_names == ["host.test"]


def test_a_shorter_time_out_of_the_request_is_kept(network: Network) -> None:
    timeout = httpx.Timeout(connect=3, write=4, read=5, pool=6)
    with client_of() as client, connection_limits(network.now + 10):
        client.get("https://host.test/", timeout=timeout)
    assert dict(network.steps) == {"connect": 3, "tls": 3, "write": 4, "read": 5}


def test_a_request_without_a_time_out_still_has_the_deadline(network: Network) -> None:
    with client_of() as client, connection_limits(network.now + 10):
        client.get("https://host.test/", timeout=None)
    assert {limit for _, limit in network.steps} == {10}


def test_without_a_deadline_only_the_time_out_of_the_request_counts(network: Network) -> None:
    with connection_limits(network.now + 10):
        pass
    with client_of() as client:
        client.get("https://host.test/", timeout=30)
    assert {limit for _, limit in network.steps} == {30}


@pytest.mark.parametrize(
    ("seconds", "last_step", "error"),
    [
        (0.0, None, httpx.ConnectTimeout),
        (1.0, "connect", httpx.ConnectTimeout),
        (2.0, "tls", httpx.WriteTimeout),
        (2.75, "write", httpx.ReadTimeout),
    ],
)
def test_no_step_begins_at_the_deadline(
    network: Network, seconds: float, last_step: str | None, error: type[Exception]
) -> None:
    network.seconds = {"connect": 1.0, "tls": 1.0, "write": 0.25}
    with client_of() as client, connection_limits(network.now + seconds), pytest.raises(error):
        client.get("https://host.test/", timeout=30)
    assert [name for name, _ in network.steps[-1:]] == ([last_step] if last_step else [])


def test_at_most_four_checked_addresses_are_tried_with_the_port_of_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = [f"192.0.2.{number}" for number in range(1, 7)]
    network = Network(monkeypatch, dead=addresses[:4])
    with (
        client_of(only_checked_addresses=True) as client,
        connection_limits(network.now + 10, addresses),
        pytest.raises(httpx.ConnectError, match="refused"),
    ):
        client.get("http://host.test:8080/")
    assert network.connected == [(address, 8080) for address in addresses[:4]]


def test_the_first_checked_address_that_answers_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch, dead=["192.0.2.1"])
    with (
        client_of(only_checked_addresses=True) as client,
        connection_limits(network.now + 10, ["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
    ):
        assert client.get("http://host.test/").json()["output"]["task_id"] == "t"
    assert network.connected == [("192.0.2.1", 80), ("192.0.2.2", 80)]


def test_an_address_that_does_not_answer_in_time_is_followed_by_the_next_one(network: Network) -> None:
    network.seconds = {"connect": 2.0}
    with (
        client_of(only_checked_addresses=True) as client,
        connection_limits(network.now + 3, ["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
        pytest.raises(httpx.ConnectTimeout),
    ):
        client.get("http://host.test/", timeout=1)
    assert network.connected == [("192.0.2.1", 80), ("192.0.2.2", 80), ("192.0.2.3", 80)]


def test_a_connection_is_used_again_and_closed_with_its_client(network: Network) -> None:
    client = client_of()
    for _ in range(2):
        client.get("http://host.test/")
        network._left = iter([REPLY])
    assert len(network.connected) == 1
    client.close()
    assert network.closed == 1


CALLS: dict[str, tuple[Callable[[DashScopeHttp], object], float, list[float]]] = {
    "POST /api/v1/services/audio/asr/transcription": (
        lambda api: api.submit(CATALOGUE["fun-asr"], ["u"], {}),
        7,
        [20, 18, 11, 4],
    ),
    "GET /api/v1/tasks/t": (lambda api: api.query("t"), 7, [20, 18, 11, 4]),
    "POST /api/v1/tasks/t/cancel": (lambda api: api.cancel("t"), 7, [20, 18, 11, 4]),
    "GET /api/v1/tasks/?model_name=fun-asr&page_no=1&page_size=100": (
        lambda api: api.list_page("fun-asr", 1, 100),
        5,
        [8, 8, 3],
    ),
    "POST /api/v1/services/audio/asr/customization": (
        lambda api: DashScopeVocabularies(api).delete_vocabulary("v"),
        5,
        [8, 6, 1],
    ),
    "POST /api/v1/services/aigc/multimodal-generation/generation": (
        lambda api: api.transcribe(WHOLE, "https://m/a.wav", "wav"),
        100,
        [160, 160, 120, 20],
    ),
}


@pytest.mark.parametrize("request_line", CALLS)
def test_a_response_of_dashscope_that_arrives_byte_by_byte_is_lost_at_the_deadline(
    network: Network, request_line: str
) -> None:
    send, seconds, limits = CALLS[request_line]
    network.byte_by_byte, network.seconds = True, {"read": seconds}
    with pytest.raises(ResponseLost) as lost:
        send(DashScopeHttp(client_of(), "https://dashscope.test", lambda: "sk-secret-key"))
    assert lost.value.message == f"{request_line}: ReadTimeout after the request was sent."
    assert network.request_line == f"{request_line} HTTP/1.1"
    connect = 3 if "customization" in request_line else 5
    assert (network.steps[0], network.read_limits) == (("connect", connect), limits)


def test_a_connection_that_cannot_be_made_names_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    Network(monkeypatch, dead=["dashscope.test"])
    with pytest.raises(VendorUnreachable, match=r"Cannot connect to https://dashscope\.test: ConnectError"):
        DashScopeHttp(client_of(), "https://dashscope.test/", lambda: "sk-secret-key").query("t")


@pytest.mark.parametrize(
    ("host", "addresses"),
    [("localhost", ["127.0.0.1", "::1"]), ("127.0.0.1", ["127.0.0.1"]), ("[::1]", ["::1"])],
)
def test_a_result_on_a_local_host_is_read_from_the_addresses_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, host: str, addresses: list[str]
) -> None:
    network = Network(monkeypatch, dead=addresses)
    source = ResultDownload(client_of(only_checked_addresses=True), [host])
    with pytest.raises(ResultUnavailable, match="ConnectError"):
        source.download(f"http://{host}:8123/r")
    assert network.connected == [(address, 8123) for address in addresses]


def test_requests_that_are_sent_concurrently_do_not_wait_for_each_other(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(25)

    def answer(*_: object) -> httpcore.NetworkStream:
        together.wait(timeout=5)
        return httpcore.MockStream([REPLY])

    monkeypatch.setattr(network, "connect_tcp", answer)
    with client_of() as client:
        replies = run_concurrently([lambda: client.get("http://host.test/")] * 25, threads=25)
    assert {reply.status_code for reply in replies} == {200}


def test_a_client_reads_no_certificates_before_it_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take 30 ms of a cold start."""
    monkeypatch.delattr(ssl, "create_default_context")
    http_client(lambda: ssl.create_default_context()).close()


def test_a_connection_that_was_idle_for_five_seconds_is_not_used_again(network: Network) -> None:
    """A server may have closed it, and a lost response of a submission is expensive."""
    with client_of() as client:
        for idle in (0.0, 4.9, 5.1):
            network.now += idle
            client.get("http://host.test/")
            network._left = iter([REPLY])
    assert len(network.connected) == 2


def test_a_connection_that_the_server_closed_is_not_used_again(network: Network) -> None:
    with client_of() as client:
        client.get("http://host.test/")
        network.is_closed_by_server = True
        client.get("http://host.test/")
    assert len(network.connected) == 2


@pytest.mark.parametrize(
    ("small_only", "limits"), [(False, [30, 30, 26, 19, 12, 5]), (True, [15, 8, 1])], ids=["large", "small"]
)
def test_a_result_that_arrives_byte_by_byte_is_abandoned_at_the_deadline(
    network: Network, small_only: bool, limits: list[float]
) -> None:
    network.byte_by_byte, network.seconds = True, {"read": 7.0}
    source = ResultDownload(client_of(only_checked_addresses=True), ["host.test"], lambda *_: ["47.95.1.1"])
    with pytest.raises(ResultUnavailable, match="too long"):
        source.download("https://host.test/r", small_only=small_only)
    assert (network.connected, network.request_line) == ([("47.95.1.1", 443)], "GET /r HTTP/1.1")
    assert (network.steps[0], network.read_limits) == (("connect", 5), limits)
