"""The simulator's HTTP side (Starlette): the vendor's paths, and `/control` for tests."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from dashscribe.domain.recognition.catalogue import CHAT_PATH, GENERATION_PATH, TASKS_PATH, TRANSCRIPTION_PATH, Endpoint
from dashscribe.domain.timestamps import VENDOR_ZONE
from local.simulator.calls import Call, audio_urls, chat_call, generation_call
from local.simulator.checks import RequestRefusedError, check_key, checked_submission, file_urls, invalid
from local.simulator.connection import CutConnection
from local.simulator.errors import error_body
from local.simulator.listening import Listener
from local.simulator.play import SYNCHRONOUS, Behaviour, Fault, FileScript, Play, Recorded
from local.simulator.synchronous import SynchronousModels
from local.simulator.tasks import TaskRoom

_Endpoint = Callable[[Request], Awaitable[Response]]
_TOKENS_PATH = "/api/v1/tokens"
_LIST_WINDOW = timedelta(hours=24)


class Simulator:
    """One simulated DashScope. `public_url` is what its result URLs begin with."""

    def __init__(self, public_url: str, recognisers: Executor, behaviour: Behaviour | None = None) -> None:
        self._initial = behaviour or Behaviour()
        self.play = Play(self._initial)
        self._listener = Listener(self.play, recognisers)
        self.room = TaskRoom(self.play, self._listener, public_url)
        self._models = SynchronousModels(self.play, self._listener)
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
                Route(_TOKENS_PATH, operation("token", self._token), methods=["POST"]),
                Route("/results/{path:path}", operation("result", self._result), methods=["GET"]),
                Route("/control", self._control, methods=["GET", "POST", "DELETE"]),
                Route("/health", self._health),
            ],
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        yield
        await self.room.stop_working()
        await self._listener.close()
        self._recognisers.shutdown(wait=False, cancel_futures=True)

    # every operation

    def _operation(self, name: str, endpoint: _Endpoint) -> _Endpoint:
        async def run(request: Request) -> Response:
            raw = await request.body()
            record = Recorded(
                operation=name,
                at=time.time(),
                method=request.method,
                path=request.url.path,
                headers=dict(request.headers),
                body=_readable(raw),
            )
            self.play.recorded.append(record)
            fault = self.play.take_fault(name, self._files_of(name, request, record.body))
            try:
                response = await self._answer(name, endpoint, request, fault)
            except RequestRefusedError as refused:
                response = JSONResponse(error_body(refused, openai=name == "chat"), refused.status)
            record.task_id = getattr(request.state, "task_id", None)
            if not isinstance(response, CutConnection):
                record.status = response.status_code
            return response

        return run

    def _files_of(self, name: str, request: Request, body: Any) -> list[str]:
        """The URLs of the files that a request is about, so that a fault can mean some of them only."""
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
            document = self.room.results.get(unquote(request.scope["raw_path"].decode()), {})
            return [str(document.get("file_url", ""))]
        task = self.room.tasks.get(request.path_params.get("task_id", ""))
        return [file.url for file in task.files] if task else []

    async def _answer(self, name: str, endpoint: _Endpoint, request: Request, fault: Fault | None) -> Response:
        if fault is not None and fault.kind == "reset":
            return CutConnection()
        if fault is not None and fault.kind == "status":
            if isinstance(fault.body, str):
                return HTMLResponse(fault.body, fault.status, fault.headers)
            return JSONResponse({"request_id": str(uuid.uuid4()), **fault.body}, fault.status, fault.headers)
        if name != "result":
            alive = {token for token, until in self._tokens.items() if time.time() < until}
            check_key(request.headers.get("authorization", ""), self.play.behaviour, alive)
            self._check_rate(name, _readable(await request.body()))
        request.state.fault = fault
        response = await endpoint(request)
        if fault is not None and fault.kind == "hang":
            await asyncio.sleep(fault.seconds)
        return CutConnection() if fault is not None and fault.kind == "reset_after" else response

    def _check_rate(self, name: str, body: Any) -> None:
        """Each model has its own window for tasks and one for synchronous calls; all questions share one."""
        behaviour = self.play.behaviour
        kind = "submit" if name == "submit" else "call" if name in SYNCHRONOUS else "tasks"
        rate = behaviour.queries_per_second if kind == "tasks" else behaviour.submits_per_second
        model = "" if kind == "tasks" or not isinstance(body, dict) else str(body.get("model"))
        if not self._limits.hit(RateLimitItemPerSecond(rate), kind, model):
            raise RequestRefusedError(
                429, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later."
            )

    # the vendor's paths

    async def _submit(self, request: Request) -> Response:
        spec, body = checked_submission(dict(request.headers), await request.body(), self.play.behaviour)
        task = self.room.submit(spec, file_urls(spec, body["input"]), body.get("parameters"))
        request.state.task_id = task.task_id
        return JSONResponse(
            {"request_id": str(uuid.uuid4()), "output": {"task_id": task.task_id, "task_status": "PENDING"}}
        )

    async def _generate(self, request: Request) -> Response:
        call = generation_call(dict(request.headers), await request.body(), self.play.behaviour)
        return await self._called(request, call, Endpoint.DASHSCOPE)

    async def _chat(self, request: Request) -> Response:
        call = chat_call(await request.body(), self.play.behaviour)
        return await self._called(request, call, Endpoint.OPENAI)

    async def _called(self, request: Request, call: Call, endpoint: Endpoint) -> Response:
        fault: Fault | None = request.state.fault
        cut_off = fault is not None and fault.kind == "finish_length"
        answer = await self._models.answer(call, endpoint, cut_off=cut_off)
        return answer.response(fault)

    async def _token(self, request: Request) -> Response:
        """A key for a short time (docs/vendor-api.md#temporary-keys)."""
        seconds = _positive(request.query_params.get("expire_in_seconds", "60"))
        if seconds > 1800:
            raise invalid("expire_in_seconds must be between 1 and 1800.")
        token, expires_at = f"st-{uuid.uuid4().hex}", int(time.time()) + seconds
        self._tokens[token] = expires_at
        return JSONResponse({"token": token, "expires_at": expires_at})

    async def _query(self, request: Request) -> Response:
        task_id = request.path_params["task_id"]
        task = self.room.tasks.get(task_id)
        if task is None:
            unknown = {"task_id": task_id, "task_status": "UNKNOWN"}
            return JSONResponse({"request_id": str(uuid.uuid4()), "output": unknown})
        return JSONResponse({"request_id": str(uuid.uuid4()), **self.room.reply(task)})

    async def _list(self, request: Request) -> Response:
        """docs/vendor-api.md#task-list: top level, epoch milliseconds, no result URLs."""
        if not self.play.behaviour.lists_tasks:
            raise RequestRefusedError(404, "NotFound", "There is no list of tasks here.")
        wanted = request.query_params
        earliest, latest = _window(wanted.get("start_time"), wanted.get("end_time"))
        found = [
            {
                "api_key_id": task.api_key_id,
                "gmt_create": int(task.submitted_at * 1000),
                "start_time": int((task.scheduled_at or task.submitted_at) * 1000),
                **({"end_time": int(task.ended_at * 1000)} if task.ended_at else {}),
                "model_name": task.model,
                "region": "ap-southeast-1",
                "request_id": task.task_id,
                "status": task.status,
                "task_id": task.task_id,
                "user_api_unique_key": f"apikey:v1:audio:asr:transcription:{task.model}",
            }
            for task in reversed(self.room.tasks.values())
            if earliest <= task.submitted_at <= latest
            and wanted.get("task_id") in (None, task.task_id)
            and wanted.get("model_name") in (None, task.model)
            and wanted.get("status") in (None, task.status)
        ]
        page = _positive(wanted.get("page_no", "1"))
        size = min(_positive(wanted.get("page_size", "10")), self.play.behaviour.largest_list_page)
        return JSONResponse(
            {
                "request_id": str(uuid.uuid4()),
                "total": len(found),
                "total_page": -(-len(found) // size),
                "page_no": page,
                "page_size": size,
                "data": found[(page - 1) * size : page * size],
            }
        )

    async def _cancel(self, request: Request) -> Response:
        task = self.room.tasks.get(request.path_params["task_id"])
        if task is None or task.status != "PENDING":
            raise RequestRefusedError(
                400,
                "UnsupportedOperation",
                "Failed to cancel the task, please confirm if the task is in PENDING status.",
            )
        task.status, task.ended_at = "CANCELED", time.time()
        return JSONResponse({"request_id": str(uuid.uuid4())})

    async def _result(self, request: Request) -> Response:
        document = self.room.result(
            unquote(request.scope["raw_path"].decode()),
            request.query_params.get("Expires", ""),
            request.query_params.get("Signature", ""),
        )
        if document is None:
            return Response("<Error><Code>AccessDenied</Code></Error>", 403, media_type="application/xml")
        return JSONResponse(document)

    # for tests

    async def _control(self, request: Request) -> Response:
        """GET: what is played, and what was recorded. POST: `{"behaviour": {…}, "scripts": […], "faults": […]}`.

        DELETE: no scripts, faults, records and used-up rates any more, and the behaviour of the start. Tasks stay;
        those that have not ended are cancelled.
        """
        if request.method == "DELETE":
            await self.room.stop_working()
            self.play.scripts, self.play.faults, self.play.recorded = [], [], []
            self.play.behaviour = self._initial
            self._limits = MovingWindowRateLimiter(MemoryStorage())
        if request.method == "POST":
            asked = await request.json()
            try:
                behaviour = Behaviour.model_validate({**self.play.behaviour.model_dump(), **asked.get("behaviour", {})})
                scripts = [FileScript.model_validate(script) for script in asked.get("scripts", [])]
                faults = [Fault.model_validate(fault) for fault in asked.get("faults", [])]
            except ValidationError as error:
                return JSONResponse(error_body(invalid(str(error))), 400)
            self.play.behaviour = behaviour
            self.play.scripts[:0] = scripts
            self.play.faults += faults
        return JSONResponse(
            {
                "behaviour": self.play.behaviour.model_dump(),
                "scripts": [script.model_dump() for script in self.play.scripts],
                "faults": [fault.model_dump() for fault in self.play.faults],
                "recorded": [record.model_dump() for record in self.play.recorded],
            }
        )

    async def _health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok", "tasks": len(self.room.tasks)})


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise invalid()
    return int(text)


def _window(start: str | None, end: str | None) -> tuple[float, float]:
    """`YYYYMMDDhhmmss`, at most 24 hours, by default the last ones (docs/vendor-api.md#task-list, which names no
    zone)."""
    try:
        given = [
            datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=VENDOR_ZONE) if text else None
            for text in (start, end)
        ]
    except ValueError:
        raise invalid() from None
    latest = given[1] or (given[0] + _LIST_WINDOW if given[0] else datetime.now(VENDOR_ZONE))
    earliest = given[0] or latest - _LIST_WINDOW
    if not timedelta() <= latest - earliest <= _LIST_WINDOW:
        raise invalid("The time range must not exceed 24 hours.")
    return earliest.timestamp(), latest.timestamp()


def _readable(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return raw.decode(errors="replace")
