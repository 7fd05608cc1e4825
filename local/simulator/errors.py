"""Error bodies in the shapes of DashScope and of OpenAI (docs/vendor-api.md#error-bodies)."""

from __future__ import annotations

import uuid
from typing import Any

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
