"""What the vendor refuses, and with which body (API reference sections 1.3, 2 and 5.1)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from dashscribe.domain.catalogue import CATALOGUE, ModelSpec
from local.simulator.play import Behaviour


class RequestRefusedError(Exception):
    """A request that is answered with an error body."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def check_key(authorization: str, behaviour: Behaviour) -> None:
    scheme, _, key = authorization.partition(" ")
    if scheme != "Bearer" or not key.strip():
        raise RequestRefusedError(401, "InvalidApiKey", "No API-key provided.")
    if behaviour.api_keys is not None and key.strip() not in behaviour.api_keys:
        raise RequestRefusedError(401, "InvalidApiKey", "Invalid API-key provided.")


def checked_submission(headers: dict[str, str], raw: bytes, behaviour: Behaviour) -> tuple[ModelSpec, dict[str, Any]]:
    """The model and body of a submission that the vendor would take. Raises `RequestRefusedError`."""
    if headers.get("x-dashscope-async") != "enable":
        raise RequestRefusedError(403, "AccessDenied", "current user api does not support synchronous calls.")
    try:
        body = json.loads(raw)
    except ValueError:
        raise RequestRefusedError(400, "BadRequest.IllegalInput", "The request body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise RequestRefusedError(400, "BadRequest.IllegalInput", "The request body is not a JSON object.")
    if not body.get("model"):
        raise RequestRefusedError(400, "BadRequest.EmptyModel", 'Required parameter "model" missing from request.')
    if not isinstance(body.get("input"), dict):
        raise RequestRefusedError(400, "BadRequest.EmptyInput", 'Required parameter "input" missing from request.')
    spec = CATALOGUE.get(str(body["model"]))
    if spec is None:
        raise RequestRefusedError(400, "InvalidParameter", "Model not exist.")
    urls = body["input"].get(spec.shape.value)
    if not isinstance(urls, list) or not urls:
        raise RequestRefusedError(400, "InvalidParameter", f"input must contain {spec.shape.value}")
    limit = min(behaviour.max_file_urls, spec.max_files_per_task)
    if len(urls) > limit:
        raise RequestRefusedError(400, "InvalidParameter", f"The number of file_urls must not exceed {limit}.")
    for url in urls:
        if not isinstance(url, str) or not _is_web_address(url):
            raise RequestRefusedError(400, "InvalidParameter", "The provided URL does not appear to be valid.")
    _check_parameters(spec, body.get("parameters"))
    return spec, body


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets without an address in them, a port that is none
        return False


def _check_parameters(spec: ModelSpec, parameters: Any) -> None:
    if parameters is None:
        return
    if not isinstance(parameters, dict):
        raise RequestRefusedError(400, "InvalidParameter", "parameters must be an object")
    if "special_word_filter" in parameters and not isinstance(parameters["special_word_filter"], str):
        raise RequestRefusedError(400, "InvalidParameter", "special_word_filter must be a JSON string")
    try:
        spec.parameters.model_validate(parameters)
    except ValueError as error:
        raise RequestRefusedError(
            400, "InvalidParameter", "Required parameter(s) missing or invalid, please check the request parameters."
        ) from error
