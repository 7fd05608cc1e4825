"""DashScope over HTTP: submit and query (API reference sections 1 to 3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from dashscribe.domain.catalogue import TASKS_PATH, TRANSCRIPTION_PATH, JsonObject, ModelSpec
from dashscribe.domain.vendor_codes import Verdict, classify
from dashscribe.domain.vendor_replies import MOST_CHARACTERS, MOST_CODE_CHARACTERS, ListedTask, TaskList, TaskReply
from dashscribe.errors import AnswerLost, VendorError, VendorUnreachable
from dashscribe.observability import redacted

LIST_PAGE_SIZE = 50
"""For `list_tasks`. The vendor's default is 10, its maximum is not documented."""
MOST_LIST_PAGES = 20
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)


class DashScopeHttp:
    """`SpeechService`. Nothing is retried here: a repeated POST may be a second paid task, so records decide."""

    def __init__(self, client: httpx.Client, base_url: str, api_key: Callable[[], str], workspace_id: str = "") -> None:
        self._client = client
        self._base_url = base_url.rstrip("/")
        self._api_key = api_key
        self._workspace_id = workspace_id

    def submit(self, spec: ModelSpec, file_urls: Sequence[str], parameters: JsonObject) -> str:
        """POST the files. `parameters` is always sent: workspace hosts fail tasks without it (API reference 1.1)."""
        body = self._call(
            "POST",
            TRANSCRIPTION_PATH,
            headers={"X-DashScope-Async": "enable"},
            json={"model": spec.name, "input": {spec.shape.value: list(file_urls)}, "parameters": parameters},
        )
        task_id = _task(body).output.task_id
        if not task_id:
            raise AnswerLost("DashScope accepted the submission but its answer names no task.")
        return task_id

    def query(self, task_id: str) -> TaskReply:
        return _task(self._call("GET", f"{TASKS_PATH}/{quote(task_id, safe='')}"))

    def cancel(self, task_id: str) -> None:
        self._call("POST", f"{TASKS_PATH}/{quote(task_id, safe='')}/cancel")

    def list_tasks(self, model: str) -> list[ListedTask]:
        """Page by page, newest first; its default window is the last 24 hours (API reference 3.5)."""
        found: list[ListedTask] = []
        for page in range(1, MOST_LIST_PAGES + 1):
            listed = self.list_page(model, page, LIST_PAGE_SIZE)
            found += listed.data
            if page >= listed.total_page or not listed.data:
                break
        return found

    def list_page(self, model: str, page: int, page_size: int) -> TaskList:
        query = f"model_name={quote(model)}&page_no={page}&page_size={page_size}"
        body = self._call("GET", f"{TASKS_PATH}/?{query}")
        try:
            return TaskList.model_validate(body)
        except ValidationError as error:
            raise VendorError("NO_LIST", "What DashScope lists is no list of tasks.", Verdict.PERMANENT) from error

    def _call(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, json: JsonObject | None = None
    ) -> JsonObject:
        sent = {"Authorization": f"Bearer {self._api_key()}", "Accept": "application/json", **(headers or {})}
        if self._workspace_id:
            sent["X-DashScope-WorkSpace"] = self._workspace_id
        try:
            response = self._client.request(
                method, self._base_url + path, headers=sent, json=json, timeout=TIMEOUT, follow_redirects=False
            )
        except _NOT_SENT as error:
            raise VendorUnreachable(f"No connection to {self._base_url}: {type(error).__name__}.") from error
        except httpx.RequestError as error:
            raise AnswerLost(f"{method} {path}: {type(error).__name__} after the request was sent.") from error
        return _read(response)


def _read(response: httpx.Response) -> JsonObject:
    """The body, if it is one of success: a 200 can carry an error `code` too (API reference 5). Else `VendorError`."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        body = {}
    code = str(body.get("code") or "")[:MOST_CODE_CHARACTERS]
    message = redacted(str(body.get("message") or ""))[:MOST_CHARACTERS]
    if response.status_code == 200 and body and (body.get("output") or not code):
        return body
    if response.status_code == 200 and not code:
        raise AnswerLost("DashScope answered 200 without a readable body.")
    code = code or f"HTTP_{response.status_code}"
    verdict = classify(code, message, response.status_code)
    if not body and verdict is Verdict.PERMANENT:
        verdict = Verdict.RETRYABLE  # an HTML page comes from something between us and DashScope, which has no say
    raise VendorError(
        code, message or f"DashScope answered HTTP {response.status_code}.", verdict, response.status_code
    )


def _task(body: JsonObject) -> TaskReply:
    try:
        return TaskReply.model_validate(body)
    except ValidationError as error:
        raise AnswerLost("DashScope's reply has an unknown shape.") from error
