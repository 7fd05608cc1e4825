"""Connections on real sockets: checked addresses, certificates, total deadlines, and the bytes that are sent."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dashscribe.adapters.dashscope_http import DashScopeHttp
from dashscribe.adapters.http_connections import connection_limits, http_client
from dashscribe.adapters.result_download import ResultDownload
from dashscribe.errors import ResponseLost, ResultUnavailable

NAME = "result.aliyuncs.test"
RESULT: dict[str, list[object]] = {"transcripts": []}
Send = Callable[[socket.socket], None]


def response(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


OK = response(json.dumps(RESULT).encode())


class Server:
    """Answers each connection with `send`. `requests` has the first lines and headers that arrived."""

    def __init__(self, send: Send, context: ssl.SSLContext | None = None) -> None:
        self.requests: list[str] = []
        self._send = send
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        try:
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            received = b""
            while b"\r\n\r\n" not in received:
                received += connection.recv(65536)
            self.requests.append(received.decode())
            self._send(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def close(self) -> None:
        self._listener.close()


@contextmanager
def serving(answer: bytes | Send, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(answer if callable(answer) else lambda connection: connection.sendall(answer), context)
    try:
        yield server
    finally:
        server.close()


def dripping(data: bytes) -> Send:
    """Send one byte every 50 ms: no single read takes long."""

    def send(connection: socket.socket) -> None:
        for at in range(len(data)):
            connection.sendall(data[at : at + 1])
            time.sleep(0.05)

    return send


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of `NAME`, with its private key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def no_name_is_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo

    def only_addresses(host: str, *arguments: Any, **options: Any) -> Any:
        assert host.replace(".", "").isdigit(), f"{host} was resolved"
        return resolve(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", only_addresses)


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with http_client(ssl.create_default_context, only_checked_addresses=True) as client:
        yield client


def soon() -> float:
    return time.monotonic() + 5


# checked addresses


@pytest.mark.usefixtures("no_name_is_resolved")
def test_a_connection_goes_to_the_checked_address_and_the_certificate_is_of_the_name(certificate: Path) -> None:
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate)
    names: list[str | None] = []
    server_side.sni_callback = lambda _, name, __: names.append(name)
    trusted = ssl.create_default_context(cafile=certificate)
    with (
        serving(OK, server_side) as server,
        http_client(lambda: trusted, only_checked_addresses=True) as client,
        connection_limits(soon(), ["127.0.0.1"]),
    ):
        assert client.get(f"https://{NAME}:{server.port}/r").json() == RESULT
        with pytest.raises(httpx.ConnectError, match=r"(?i)hostname|certificate"):
            client.get(f"https://another.test:{server.port}/r")
    assert names == [NAME, "another.test"]
    assert f"Host: {NAME}:{server.port}" in server.requests[0]


@pytest.mark.usefixtures("no_name_is_resolved")
def test_the_next_checked_address_is_tried(client: httpx.Client) -> None:
    with serving(OK) as server, connection_limits(soon(), ["127.0.0.2", "127.0.0.1"]):
        assert client.get(f"http://{NAME}:{server.port}/").json() == RESULT


@pytest.mark.usefixtures("no_name_is_resolved")
def test_without_a_checked_address_nothing_is_connected(client: httpx.Client) -> None:
    with serving(OK) as server:
        with pytest.raises(httpx.ConnectError):
            client.get(f"http://127.0.0.1:{server.port}/")
        with connection_limits(soon(), []), pytest.raises(httpx.ConnectError):
            client.get(f"http://127.0.0.1:{server.port}/")
        assert server.requests == []


def test_a_proxy_of_the_environment_does_not_bypass_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(OK) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        client = http_client(ssl.create_default_context, only_checked_addresses=True)
        with client, pytest.raises(httpx.ConnectError):
            client.get("http://example.test/")
        assert proxy.requests == []


# results


def test_the_signed_bytes_of_a_result_url_are_sent_unchanged(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    target = "/a/../b//%2Fc%e4+~*'()!{x}?Expires=1&Signature=5ec7e7%2f%2B&u=http://b/../c"
    with serving(OK) as server:
        address = f"127.0.0.1:{server.port}"
        assert ResultDownload(client, [address]).download(f"http://{address}{target}") == RESULT
    [request] = server.requests
    assert request.startswith(f"GET {target} HTTP/1.1\r\n")
    assert "accept-encoding: identity\r\n" in request.lower()
    assert "authorization" not in request.lower()
    assert "5ec7e7" not in caplog.text


def test_a_decompression_bomb_is_not_decoded(client: httpx.Client) -> None:
    bomb = gzip.compress(gzip.compress(b" " * 10_000_000))
    with serving(response(bomb, "Content-Encoding: gzip, gzip")) as server:
        source = ResultDownload(client, ["127.0.0.1"])
        with pytest.raises(ResultUnavailable, match="encoding"):
            source.download(f"http://127.0.0.1:{server.port}/r")


@pytest.mark.parametrize("data", [OK, response(b"x" * 100, f"X-Padding: {'y' * 1000}")], ids=["body", "headers"])
def test_a_result_that_arrives_byte_by_byte_is_abandoned_at_the_deadline(
    client: httpx.Client, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashscribe.adapters.result_download.MAX_DOWNLOAD_DURATION", timedelta(seconds=0.5))
    with serving(dripping(data)) as server:
        started = time.monotonic()
        with pytest.raises(ResultUnavailable, match="too long"):
            ResultDownload(client, ["127.0.0.1"]).download(f"http://127.0.0.1:{server.port}/r")
        assert time.monotonic() - started < 3


# replies of the API


def vendor(port: int) -> DashScopeHttp:
    return DashScopeHttp(http_client(ssl.create_default_context), f"http://127.0.0.1:{port}", lambda: "sk-test")


@pytest.mark.parametrize("data", [OK, response(b"x", f"X-Padding: {'y' * 1000}")], ids=["body", "headers"])
def test_a_reply_that_arrives_byte_by_byte_is_lost_at_the_deadline(data: bytes) -> None:
    with serving(dripping(data)) as server:
        started = time.monotonic()
        with pytest.raises(ResponseLost):
            vendor(server.port)._call("GET", "/", timeout=httpx.Timeout(0.3, connect=0.2))
        assert time.monotonic() - started < 3


def test_a_reply_is_requested_without_an_encoding() -> None:
    reply = json.dumps({"output": {"task_id": "t", "task_status": "RUNNING"}}).encode()
    with serving(response(reply)) as server:
        assert vendor(server.port).query("t").output.task_status == "RUNNING"
    assert server.requests[0].lower().count("accept-encoding: identity\r\n") == 1
