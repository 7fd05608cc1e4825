"""What the vendor refuses, and with which body (docs/vendor-api.md#error-codes)."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from dashscribe.domain.recognition.catalogue import CATALOGUE, Endpoint, ModelSpec, Region, RequestShape, find_spec
from local.simulator.play import Behaviour

NOT_VALID = "Required parameter(s) missing or invalid, please check the request parameters."
WRONG_ENDPOINT = "url error, check url!"


class RequestRefusedError(Exception):
    """A request that is answered with an error body."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def invalid(message: str = NOT_VALID) -> RequestRefusedError:
    return RequestRefusedError(400, "InvalidParameter", message)


def check_key(authorization: str, behaviour: Behaviour, tokens: Collection[str] = ()) -> None:
    """`tokens` are the temporary keys that are still alive."""
    scheme, _, key = authorization.partition(" ")
    if scheme != "Bearer" or not key.strip():
        raise RequestRefusedError(401, "InvalidApiKey", "No API-key provided.")
    if key.strip() in tokens:
        return
    if key.strip().startswith("st-"):
        raise RequestRefusedError(401, "InvalidApiKey", "invalid access token or token expired")
    if behaviour.api_keys is not None and key.strip() not in behaviour.api_keys:
        raise RequestRefusedError(401, "InvalidApiKey", "Invalid API-key provided.")


def read_body(raw: bytes) -> dict[str, Any]:
    """A JSON object that names a model."""
    try:
        body = json.loads(raw)
    except ValueError:
        raise RequestRefusedError(400, "BadRequest.IllegalInput", "The request body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise RequestRefusedError(400, "BadRequest.IllegalInput", "The request body is not a JSON object.")
    if not body.get("model"):
        raise RequestRefusedError(400, "BadRequest.EmptyModel", 'Required parameter "model" missing from request.')
    return body


def read_input(body: dict[str, Any]) -> dict[str, Any]:
    given = body.get("input")
    if not isinstance(given, dict):
        raise RequestRefusedError(400, "BadRequest.EmptyInput", 'Required parameter "input" missing from request.')
    return given


def model_served(model: object, behaviour: Behaviour) -> ModelSpec | None:
    """The model of a request, if this region has it."""
    name = str(model)
    spec = CATALOGUE.get(name) or find_spec(name, behaviour.extra_models.get(name, ""))
    if spec is None or (behaviour.region is not Region.OTHER and behaviour.region not in spec.regions):
        return None
    return spec


def checked_submission(headers: dict[str, str], raw: bytes, behaviour: Behaviour) -> tuple[ModelSpec, dict[str, Any]]:
    """The model and body of a submission that the vendor would take. Raises `RequestRefusedError`."""
    if behaviour.region is Region.US:  # no page lists a task endpoint there (docs/vendor-api.md#us-region)
        raise RequestRefusedError(403, "AccessDenied", "current user api does not support asynchronous calls.")
    if headers.get("x-dashscope-async") != "enable":
        raise RequestRefusedError(403, "AccessDenied", "current user api does not support synchronous calls.")
    body = read_body(raw)
    given = read_input(body)
    spec = model_served(body["model"], behaviour)
    if spec is None:
        raise invalid("Model not exist.")
    if spec.is_synchronous:
        raise invalid(WRONG_ENDPOINT)
    limit = min(behaviour.max_file_urls, spec.max_files_per_task)
    urls = file_urls(spec, given)
    if not urls:
        raise invalid(f"input must contain {spec.shape.value}")
    if len(urls) > limit:
        raise invalid(f"The number of file_urls must not exceed {limit}.")
    if not all(isinstance(url, str) and is_web_address(url) for url in urls):
        raise invalid("The provided URL does not appear to be valid.")
    if "context" in spec.parameters.sent_outside_parameters:
        check_conversation(given.get("context", []))
    elif "context" in given:
        raise invalid()
    check_parameters(spec, body.get("parameters"))
    return spec, body


def file_urls(spec: ModelSpec, given: dict[str, Any]) -> list[Any]:
    """The files of a task; none when they are not given in this model's own shape."""
    if spec.shape is RequestShape.FILE_URL:
        return [given["file_url"]] if isinstance(given.get("file_url"), str) else []
    urls = given.get("file_urls")
    return urls if isinstance(urls, list) else []


def is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets without an address in them, a port that is none
        return False


def check_conversation(turns: object) -> None:
    """Earlier turns, a user's (`input_text`) and an assistant's (`text`); what is too long is cut without a word."""
    kinds = {"user": "input_text", "assistant": "text"}
    if not isinstance(turns, list):
        raise invalid()
    for turn in turns:
        kind = kinds.get(str(turn.get("role"))) if isinstance(turn, dict) else None
        content = turn.get("content") if kind else None
        if not isinstance(content, list) or not content:
            raise invalid()
        for item in content:
            if not isinstance(item, dict) or item.get("type") != kind or not isinstance(item.get("text"), str):
                raise invalid(f"The content of the role {turn['role']} must be of the type {kind}.")


def check_parameters(spec: ModelSpec, parameters: Any) -> None:
    """As they are on the wire: what travels elsewhere is not among them, and two of them are text."""
    if parameters is None:
        return
    if not isinstance(parameters, dict):
        raise invalid("parameters must be an object")
    for name in ("special_word_filter", "sample_rate"):
        if name in parameters and not isinstance(parameters[name], str):
            raise invalid(f"{name} must be a string")
    if spec.parameters.sent_outside_parameters & parameters.keys():
        raise invalid()
    try:
        spec.parameters.model_validate(parameters)
    except ValueError as error:
        raise invalid() from error


def check_way_in(spec: ModelSpec, endpoint: Endpoint) -> None:
    """Whether a synchronous endpoint has this model."""
    if endpoint in spec.endpoints:
        return
    if endpoint is Endpoint.DASHSCOPE:
        raise invalid(WRONG_ENDPOINT)
    raise RequestRefusedError(
        404, "model_not_supported", f"Unsupported model `{spec.name}` for OpenAI compatibility mode."
    )
