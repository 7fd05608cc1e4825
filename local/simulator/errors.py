"""Error bodies in the shapes of DashScope and of OpenAI (docs/vendor-api.md#error-bodies)."""

from __future__ import annotations

import uuid
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dashscribe.domain.recognition.catalogue import CHAT_PATH
from local.simulator.checks import RequestRefusedError

_OPENAI_CODES = {
    "InvalidApiKey": "invalid_api_key",
    "AccessDenied": "access_denied",
    "DataInspectionFailed": "data_inspection_failed",
    "InvalidParameter": "invalid_parameter_error",
    "BadRequest.EmptyModel": "invalid_parameter_error",
    "BadRequest.IllegalInput": "invalid_parameter_error",
    "Throttling.RateQuota": "limit_requests",
}
"""docs/vendor-api.md#error-codes; `invalid_parameter_error` is from
https://github.com/codexu/note-gen/issues/372."""


def error_body(refused: RequestRefusedError, *, openai: bool = False) -> dict[str, Any]:
    request_id = str(uuid.uuid4())
    if not openai:
        return {"request_id": request_id, "code": refused.code, "message": refused.message}
    code = _OPENAI_CODES.get(refused.code, refused.code)
    kind = code if refused.status == 429 or refused.status >= 500 else "invalid_request_error"
    return {"error": {"code": code, "message": refused.message, "type": kind, "param": None}, "request_id": request_id}


async def refuse_path(request: Request, error: Exception) -> Response:
    """Answer a request for a path or with a method that the vendor does not have (docs/vendor-api.md#error-codes)."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    refused = RequestRefusedError(404, "NotFound", f"There is no {request.url.path}.")
    if status == 405:
        refused = RequestRefusedError(400, "InvalidParameter", f"Request method '{request.method}' is not supported.")
    return JSONResponse(error_body(refused, openai=is_openai_path(request.url.path)), refused.status)


async def report_failure(request: Request, _: Exception) -> Response:
    """Answer a request that failed because of a fault of the simulator. The server logs the exception."""
    failed = RequestRefusedError(500, "InternalError", "An internal error has occurred.")
    return JSONResponse(error_body(failed, openai=is_openai_path(request.url.path)), 500)


def is_openai_path(path: str) -> bool:
    return path.startswith(CHAT_PATH.partition("/v1")[0])
