"""The simulator's HTTP endpoints (Starlette): those of the vendor, and `/control` for tests."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from dashscribe.domain.recognition.catalogue import (
    CHAT_PATH,
    CUSTOMIZATION_PATH,
    GENERATION_PATH,
    TASKS_PATH,
    TRANSCRIPTION_PATH,
    Endpoint,
)
from local.simulator.calls import Call, audio_urls, chat_call, generation_call
from local.simulator.checks import (
    RequestRefusedError,
    check_key,
    check_submission,
    documented_submits_per_second,
    file_urls,
    invalid,
)
from local.simulator.connection import CutConnection
from local.simulator.errors import error_body, refuse_path, report_failure
from local.simulator.scenario import SYNCHRONOUS, Behaviour, Fault, FileScript, Recorded, Scenario
from local.simulator.synchronous import SynchronousModels
from local.simulator.task_list import list_page, parse_positive
from local.simulator.tasks import TaskStore
from local.simulator.transcriber import Transcriber
from local.simulator.uploads import UPLOAD_HOST_PATH, UPLOADS_PATH, UploadRefusedError, Uploads
from local.simulator.vocabularies import VocabularyStore

_Endpoint = Callable[[Request], Awaitable[Response]]
_TOKENS_PATH = "/api/v1/tokens"
_WITHOUT_KEY = ("result", "upload")
_POLICIES_PER_SECOND = 100
"""docs/vendor-api.md#temporary-files."""


class Simulator:
    """A simulator of DashScope. Its result URLs start with `public_url`."""

    def __init__(self, public_url: str, recognisers: Executor, behaviour: Behaviour | None = None) -> None:
        self._initial = behaviour or Behaviour()
        self.scenario = Scenario(self._initial)
        self._uploads = Uploads(self.scenario, public_url)
        self._transcriber = Transcriber(self.scenario, recognisers, self._uploads)
        self.task_store = TaskStore(self.scenario, self._transcriber, public_url)
        self._models = SynchronousModels(self.scenario, self._transcriber)
        self.vocabularies = VocabularyStore()
        self._tokens: dict[str, float] = {}
        self._recognisers = recognisers
        self._limits = MovingWindowRateLimiter(MemoryStorage())

    def application(self) -> Starlette:
        operation = self._operation
        return Starlette(
            routes=[
                Route(TRANSCRIPTION_PATH, operation("submit", self._submit), methods=["POST"]),
                Route(TASKS_PATH, operation("list", self._list), methods=["GET"]),
                Route(f"{TASKS_PATH}/", operation("list", self._list), methods=["GET"]),
                Route(f"{TASKS_PATH}/{{task_id}}", operation("query", self._query), methods=["GET", "POST"]),
                Route(f"{TASKS_PATH}/{{task_id}}/cancel", operation("cancel", self._cancel), methods=["POST"]),
                Route(GENERATION_PATH, operation("generate", self._generate), methods=["POST"]),
                Route(CHAT_PATH, operation("chat", self._chat), methods=["POST"]),
                Route(CUSTOMIZATION_PATH, operation("customize", self._customize), methods=["POST"]),
                Route(_TOKENS_PATH, operation("token", self._token), methods=["POST"]),
                Route(UPLOADS_PATH, operation("upload_policy", self._upload_policy), methods=["GET"]),
                Route(UPLOAD_HOST_PATH, operation("upload", self._upload), methods=["POST"]),
                Route("/results/{path:path}", operation("result", self._result), methods=["GET"]),
                Route("/control", self._control, methods=["GET", "POST", "DELETE"]),
                Route("/health", self._health),
            ],
            lifespan=self._lifespan,
            exception_handlers={HTTPException: refuse_path, Exception: report_failure},
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        yield
        await self.task_store.cancel_all()
        await self._transcriber.close()
        self._recognisers.shutdown(wait=False, cancel_futures=True)

    # all operations

    def _operation(self, name: str, endpoint: _Endpoint) -> _Endpoint:
        async def run(request: Request) -> Response:
            raw = await request.body()
            record = Recorded(
                operation=name,
                at=time.time(),
                method=request.method,
                path=request.url.path,
                headers=dict(request.headers),
                body=None if name == "upload" else _parse_body(raw),
            )
            self.scenario.recorded.append(record)
            fault = self.scenario.take_fault(name, self._find_file_urls(name, request, record.body))
            try:
                response = await self._answer(name, endpoint, request, fault)
            except RequestRefusedError as refused:
                response = JSONResponse(error_body(refused, openai=name == "chat"), refused.status)
            record.task_id = getattr(request.state, "task_id", None)
            if not isinstance(response, CutConnection):
                record.status = response.status_code
            return response

        return run

    def _find_file_urls(self, name: str, request: Request, body: Any) -> list[str]:
        """Return the URLs of a request's files, so that a fault can apply to some files only."""
        if name in SYNCHRONOUS:
            return audio_urls(body)
        if name == "submit":
            given = body.get("input") if isinstance(body, dict) else None
            given = given if isinstance(given, dict) else {}
            urls = given.get("file_urls")
            return [
                url
                for url in [*(urls if isinstance(urls, list) else []), given.get("file_url")]
                if isinstance(url, str)
            ]
        if name == "result":
            document = self.task_store.results.get(unquote(request.scope["raw_path"].decode()), {})
            return [str(document.get("file_url", ""))]
        task = self.task_store.tasks.get(request.path_params.get("task_id", ""))
        return [file.url for file in task.files] if task else []

    async def _answer(self, name: str, endpoint: _Endpoint, request: Request, fault: Fault | None) -> Response:
        if fault is not None and fault.kind == "reset":
            return CutConnection()
        if fault is not None and fault.kind == "status":
            if isinstance(fault.body, str):
                return HTMLResponse(fault.body, fault.status, fault.headers)
            return JSONResponse({"request_id": str(uuid.uuid4()), **fault.body}, fault.status, fault.headers)
        await asyncio.sleep(self.scenario.behaviour.latency_seconds)
        if name not in _WITHOUT_KEY:
            alive = {token for token, until in self._tokens.items() if time.time() < until}
            check_key(request.headers.get("authorization", ""), self.scenario.behaviour, alive)
            self._check_rate(name, _parse_body(await request.body()))
        request.state.fault = fault
        response = await endpoint(request)
        if fault is not None and fault.kind == "hang":
            await asyncio.sleep(fault.seconds)
        return CutConnection() if fault is not None and fault.kind == "reset_after" else response

    def _check_rate(self, name: str, body: Any) -> None:
        """Check the rate limits: for each model, one for submissions and one for synchronous calls. All requests about
        tasks share one."""
        behaviour = self.scenario.behaviour
        kind = "submit" if name == "submit" else "call" if name in SYNCHRONOUS else "tasks"
        model = "" if kind == "tasks" or not isinstance(body, dict) else str(body.get("model"))
        rate = behaviour.queries_per_second
        if name == "upload_policy":
            kind, rate = "policies", _POLICIES_PER_SECOND
        elif kind != "tasks":
            rate = behaviour.submits_per_second or documented_submits_per_second(model, behaviour)
        if not self._limits.hit(RateLimitItemPerSecond(rate), kind, model):
            raise RequestRefusedError(
                429, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later."
            )

    # endpoints of the vendor

    async def _submit(self, request: Request) -> Response:
        spec, body = check_submission(dict(request.headers), await request.body(), self.scenario.behaviour)
        task = self.task_store.submit(spec, file_urls(spec, body["input"]), body.get("parameters"))
        request.state.task_id = task.task_id
        return JSONResponse(
            {"request_id": str(uuid.uuid4()), "output": {"task_id": task.task_id, "task_status": "PENDING"}}
        )

    async def _generate(self, request: Request) -> Response:
        call = generation_call(dict(request.headers), await request.body(), self.scenario.behaviour)
        return await self._answer_call(request, call, Endpoint.DASHSCOPE)

    async def _chat(self, request: Request) -> Response:
        call = chat_call(dict(request.headers), await request.body(), self.scenario.behaviour)
        return await self._answer_call(request, call, Endpoint.OPENAI)

    async def _answer_call(self, request: Request, call: Call, endpoint: Endpoint) -> Response:
        fault: Fault | None = request.state.fault
        cut_off = fault is not None and fault.kind == "finish_length"
        answer = await self._models.answer(call, endpoint, cut_off=cut_off)
        return answer.response(fault)

    async def _token(self, request: Request) -> Response:
        """Make a temporary key (docs/vendor-api.md#temporary-keys)."""
        seconds = parse_positive(request.query_params.get("expire_in_seconds", "60"))
        if seconds > 1800:
            raise invalid("expire_in_seconds must be between 1 and 1800.")
        token, expires_at = f"st-{uuid.uuid4().hex}", int(time.time()) + seconds
        self._tokens[token] = expires_at
        return JSONResponse({"token": token, "expires_at": expires_at})

    async def _customize(self, request: Request) -> Response:
        return JSONResponse(self.vocabularies.answer(await request.body()))

    async def _upload_policy(self, request: Request) -> Response:
        if request.query_params.get("action") != "getPolicy" or not request.query_params.get("model"):
            raise invalid()
        return JSONResponse({"request_id": str(uuid.uuid4()), "data": self._uploads.policy()})

    async def _upload(self, request: Request) -> Response:
        try:
            async with request.form() as form:
                fields = {name: await _read_field(value) for name, value in form.items()}
            status = self._uploads.store(fields)
        except UploadRefusedError as refused:
            return Response(f"<Error><Code>{refused.code}</Code></Error>", refused.status, media_type="application/xml")
        return Response(status_code=status)

    async def _query(self, request: Request) -> Response:
        task_id = request.path_params["task_id"]
        task = self.task_store.tasks.get(task_id)
        if task is None:
            unknown = {"task_id": task_id, "task_status": "UNKNOWN"}
            return JSONResponse({"request_id": str(uuid.uuid4()), "output": unknown})
        return JSONResponse({"request_id": str(uuid.uuid4()), **self.task_store.reply(task)})

    async def _list(self, request: Request) -> Response:
        """Return a page of the task list (docs/vendor-api.md#task-list)."""
        behaviour = self.scenario.behaviour.of(request.query_params.get("model_name", ""))
        if not behaviour.lists_tasks:
            raise RequestRefusedError(404, "NotFound", "The simulator is configured without a task list.")
        newest_first = reversed(self.task_store.tasks.values())
        page = list_page(newest_first, request.query_params, behaviour)
        return JSONResponse({"request_id": str(uuid.uuid4()), **page})

    async def _cancel(self, request: Request) -> Response:
        task = self.task_store.tasks.get(request.path_params["task_id"])
        if task is None or task.status != "PENDING":
            raise RequestRefusedError(
                400,
                "UnsupportedOperation",
                "Failed to cancel the task, please confirm if the task is in PENDING status.",
            )
        task.status, task.ended_at = "CANCELED", time.time()
        return JSONResponse({"request_id": str(uuid.uuid4())})

    async def _result(self, request: Request) -> Response:
        document = self.task_store.result(
            unquote(request.scope["raw_path"].decode()),
            request.query_params.get("Expires", ""),
            request.query_params.get("Signature", ""),
        )
        if document is None:
            return Response("<Error><Code>AccessDenied</Code></Error>", 403, media_type="application/xml")
        return JSONResponse(document)

    # endpoints for tests

    async def _control(self, request: Request) -> Response:
        """GET returns the scenario and the recorded requests.

        POST adds to the scenario: `{"behaviour": {…}, "scripts": […], "faults": […]}`.
        DELETE resets it: no scripts, faults, hotword lists, recorded requests and counted requests, and the
        initial behaviour. Tasks remain; running tasks are canceled.
        """
        if request.method == "DELETE":
            await self.task_store.cancel_all()
            self.scenario.scripts, self.scenario.faults, self.scenario.recorded = [], [], []
            self.scenario.behaviour = self._initial
            self.vocabularies.lists.clear()
            self._limits = MovingWindowRateLimiter(MemoryStorage())
        if request.method == "POST":
            given = await request.json()
            try:
                behaviour = Behaviour.model_validate(
                    {**self.scenario.behaviour.model_dump(), **given.get("behaviour", {})}
                )
                scripts = [FileScript.model_validate(script) for script in given.get("scripts", [])]
                faults = [Fault.model_validate(fault) for fault in given.get("faults", [])]
            except ValidationError as error:
                return JSONResponse(error_body(invalid(str(error))), 400)
            self.scenario.behaviour = behaviour
            self.scenario.scripts[:0] = scripts
            self.scenario.faults += faults
        return JSONResponse(
            {
                "behaviour": self.scenario.behaviour.model_dump(),
                "scripts": [script.model_dump() for script in self.scenario.scripts],
                "faults": [fault.model_dump() for fault in self.scenario.faults],
                "recorded": [record.model_dump() for record in self.scenario.recorded],
            }
        )

    async def _health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok", "tasks": len(self.task_store.tasks)})


def _parse_body(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return raw.decode(errors="replace")


async def _read_field(value: UploadFile | str) -> bytes:
    return value.encode() if isinstance(value, str) else await value.read()
