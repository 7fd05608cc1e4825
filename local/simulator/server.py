"""The simulator's HTTP side (Starlette): the vendor's paths, and `/control` for tests."""

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
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from dashscribe.domain.catalogue import TASKS_PATH, TRANSCRIPTION_PATH
from local.simulator.checks import RequestRefusedError, check_key, checked_submission
from local.simulator.connection import CutConnection
from local.simulator.play import Behaviour, Fault, FileScript, Play, Recorded
from local.simulator.tasks import TaskRoom

_Endpoint = Callable[[Request], Awaitable[Response]]


def _error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"request_id": str(uuid.uuid4()), "code": code, "message": message}, status, headers)


class Simulator:
    """One simulated DashScope. `public_url` is what its result URLs begin with."""

    def __init__(self, public_url: str, recognisers: Executor, behaviour: Behaviour | None = None) -> None:
        self._initial = behaviour or Behaviour()
        self.play = Play(self._initial)
        self.room = TaskRoom(self.play, recognisers, public_url)
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
                Route("/results/{path:path}", operation("result", self._result), methods=["GET"]),
                Route("/control", self._control, methods=["GET", "POST", "DELETE"]),
                Route("/health", self._health),
            ],
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        yield
        await self.room.close()
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
                response = _error(refused.status, refused.code, refused.message)
            record.task_id = getattr(request.state, "task_id", None)
            if not isinstance(response, CutConnection):
                record.status = response.status_code
            return response

        return run

    def _files_of(self, name: str, request: Request, body: Any) -> list[str]:
        """The URLs of the files that a request is about, so that a fault can mean some of them only."""
        if name == "submit":
            given = body.get("input") if isinstance(body, dict) else None
            urls = given.get("file_urls") if isinstance(given, dict) else None
            return [url for url in urls if isinstance(url, str)] if isinstance(urls, list) else []
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
            check_key(request.headers.get("authorization", ""), self.play.behaviour)
            limited = self._over_the_limit(name)
            if limited is not None:
                return limited
        response = await endpoint(request)
        if fault is not None and fault.kind == "hang":
            await asyncio.sleep(fault.seconds)
        return CutConnection() if fault is not None and fault.kind == "reset_after" else response

    def _over_the_limit(self, name: str) -> Response | None:
        behaviour = self.play.behaviour
        rate = behaviour.submits_per_second if name == "submit" else behaviour.queries_per_second
        if self._limits.hit(RateLimitItemPerSecond(rate), "submit" if name == "submit" else "tasks"):
            return None
        return _error(429, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later.")

    # the vendor's paths

    async def _submit(self, request: Request) -> Response:
        spec, body = checked_submission(dict(request.headers), await request.body(), self.play.behaviour)
        task = self.room.submit(spec.name, body["input"][spec.shape.value], body.get("parameters"))
        request.state.task_id = task.task_id
        return JSONResponse(
            {"request_id": str(uuid.uuid4()), "output": {"task_id": task.task_id, "task_status": "PENDING"}}
        )

    async def _query(self, request: Request) -> Response:
        task_id = request.path_params["task_id"]
        task = self.room.tasks.get(task_id)
        if task is None:
            unknown = {"task_id": task_id, "task_status": "UNKNOWN"}
            return JSONResponse({"request_id": str(uuid.uuid4()), "output": unknown})
        return JSONResponse({"request_id": str(uuid.uuid4()), **self.room.reply(task)})

    async def _list(self, request: Request) -> Response:
        """API reference 3.5: top level, epoch milliseconds, no result URLs."""
        if not self.play.behaviour.lists_tasks:
            raise RequestRefusedError(404, "NotFound", "There is no list of tasks here.")
        wanted = request.query_params
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
            if wanted.get("task_id") in (None, task.task_id)
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
                return _error(400, "InvalidParameter", str(error))
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
        raise RequestRefusedError(
            400, "InvalidParameter", "Required parameter(s) missing or invalid, please check the request parameters."
        )
    return int(text)


def _readable(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return raw.decode(errors="replace")
