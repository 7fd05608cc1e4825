"""The host of the results, and a name server, for the tests of downloads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import httpx

from dashscribe.adapters.result_download import ResultDownload

PUBLIC = "47.95.1.1"
RESULT = {"file_url": "f", "transcripts": [{"channel_id": 0, "text": "你好"}]}


class Host:
    """The result's host, and a name server."""

    def __init__(
        self,
        answer: Callable[[httpx.Request], httpx.Response] | None = None,
        *,
        allowed: Sequence[str] = ("aliyuncs.com",),
        addresses: Sequence[str] = (PUBLIC,),
    ) -> None:
        self.requests: list[httpx.Request] = []
        self.resolved: list[tuple[str, int]] = []
        self._answer = answer or (lambda _: httpx.Response(200, json=RESULT))
        self._addresses = addresses
        client = httpx.Client(transport=httpx.MockTransport(self._reply), follow_redirects=True)
        self.source = ResultDownload(client, allowed, self._resolve)

    def _reply(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answer(request)

    def _resolve(self, host: str, port: int) -> list[str]:
        self.resolved.append((host, port))
        return list(self._addresses)

    @property
    def fetched(self) -> str:
        """The only requested URL, exactly as it was sent."""
        [request] = self.requests
        return f"{request.url.scheme}://{request.headers['host']}{request.url.raw_path.decode()}"
