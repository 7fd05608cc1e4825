"""Refuse the requests that the vendor refuses, with the vendor's error codes (docs/vendor-api.md#error-codes)."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from dashscribe.domain.recognition.catalogue import CATALOGUE, Endpoint, ModelSpec, Region, RequestShape, find_spec
from local.simulator.scenario import Behaviour

NOT_VALID = "Required parameter(s) missing or invalid, please check the request parameters."
WRONG_ENDPOINT = "url error, check url!"
OSS = "oss://"


class RequestRefusedError(Exception):
    """When a request gets an error response."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def invalid(message: str = NOT_VALID) -> RequestRefusedError:
    return RequestRefusedError(400, "InvalidParameter", message)


def check_key(authorization: str, behaviour: Behaviour, tokens: Collection[str] = ()) -> None:
    """Check the API key. `tokens` are the valid temporary keys."""
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not key.strip():  # RFC 9110: schemes are case-insensitive
        raise RequestRefusedError(401, "InvalidApiKey", "No API-key provided.")
    if key.strip() in tokens:
        return
    if key.strip().startswith("st-"):
        raise RequestRefusedError(401, "InvalidApiKey", "invalid access token or token expired")
    if behaviour.api_keys is not None and key.strip() not in behaviour.api_keys:
        raise RequestRefusedError(401, "InvalidApiKey", "Invalid API-key provided.")


def read_body(raw: bytes) -> dict[str, Any]:
    """Parse a body, which must be a JSON object with a model."""
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


def read_parameters(body: dict[str, Any]) -> dict[str, Any]:
    parameters = body.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise invalid("parameters must be an object")
    return parameters


def model_served(model: object, behaviour: Behaviour) -> ModelSpec | None:
    """Return the row of a request's model; None if the region does not have it."""
    name = str(model)
    family = behaviour.extra_models.get(name)
    spec = find_spec(name, family) if family else CATALOGUE.get(name)
    if spec is None or (behaviour.region is not Region.OTHER and behaviour.region not in spec.regions):
        return None
    return spec


def documented_submits_per_second(model: str, behaviour: Behaviour) -> int:
    """Return 20 for Paraformer and 10 for Fun-ASR. The simulator uses 10 for models without a documented limit too
    (docs/vendor-api.md#rate-limits)."""
    spec = model_served(model, behaviour)
    return 20 if spec is not None and spec.family == "paraformer" else 10


def check_submission(headers: Mapping[str, str], raw: bytes, behaviour: Behaviour) -> tuple[ModelSpec, dict[str, Any]]:
    """Return the model and the body of a valid submission. Raises `RequestRefusedError`."""
    if behaviour.region is Region.US:  # without a task endpoint (docs/vendor-api.md#us-region)
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
    limit = min(behaviour.of(spec.name).max_file_urls, spec.max_files_per_task)
    urls = file_urls(spec, given)
    if not urls:
        raise invalid(f"input must contain {spec.shape.value}")
    if len(urls) > limit:
        raise invalid(f"The number of file_urls must not exceed {limit}.")
    if not all(isinstance(url, str) and is_file_url(url, headers) for url in urls):
        raise invalid("The provided URL does not appear to be valid.")
    if "context" in spec.parameters.sent_outside_parameters:
        check_conversation(given.get("context", []))
    elif "context" in given and behaviour.strict:
        raise invalid()
    check_parameters(spec, read_parameters(body), strict=behaviour.strict)
    return spec, body


def file_urls(spec: ModelSpec, given: dict[str, Any]) -> list[Any]:
    """Return the file URLs of a submission; none if they do not have the shape of this model."""
    if spec.shape is RequestShape.FILE_URL:
        return [given["file_url"]] if isinstance(given.get("file_url"), str) else []
    urls = given.get("file_urls")
    return urls if isinstance(urls, list) else []


def is_http_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an invalid IPv6 address or port
        return False


def is_file_url(url: str, headers: Mapping[str, str]) -> bool:
    """Return whether a request with these headers may name this URL (docs/vendor-api.md#temporary-files)."""
    if url.startswith(OSS):
        return headers.get("x-dashscope-ossresourceresolve") == "enable"
    return is_http_url(url)


def check_conversation(turns: object) -> None:
    """Check the turns before the audio: `input_text` of a user, `text` of an assistant.

    Like the vendor, the simulator does not refuse a long context.
    """
    content_types = {"user": "input_text", "assistant": "text"}
    if not isinstance(turns, list):
        raise invalid()
    for turn in turns:
        content_type = content_types.get(str(turn.get("role"))) if isinstance(turn, dict) else None
        content = turn.get("content") if content_type else None
        if not isinstance(content, list) or not content:
            raise invalid()
        for item in content:
            if not isinstance(item, dict) or item.get("type") != content_type or not isinstance(item.get("text"), str):
                raise invalid(f"The content of the role {turn['role']} must be of the type {content_type}.")


class _DocumentedTypes(BaseModel):
    """The parameters of every model with their documented types (docs/vendor-api.md#task-parameters).

    Other parameters are ignored, because no page says what the vendor does with them.
    """

    model_config = ConfigDict(extra="ignore", strict=True)

    channel_id: list[Annotated[int, Field(ge=0)]] | None = None
    language_hints: list[str] | None = None
    language: str | None = None
    diarization_enabled: bool | None = None
    speaker_count: Annotated[int, Field(ge=2, le=100)] | None = None
    special_word_filter: str | dict[str, Any] | None = None
    vocabulary_id: str | None = None
    vocabulary: dict[str, Any] | None = None
    disfluency_removal_enabled: bool | None = None
    timestamp_alignment_enabled: bool | None = None
    speech_noise_threshold: float | None = None
    enable_itn: bool | None = None
    enable_words: bool | None = None
    text: str | None = None
    format: str | None = None
    sample_rate: str | int | None = None
    temperature: float | None = None
    asr_options: _DocumentedOptions | None = None


class _DocumentedOptions(BaseModel):
    """`asr_options` (docs/vendor-api.md#qwen3-asr-flash-request)."""

    model_config = ConfigDict(extra="ignore", strict=True)

    language: str | None = None
    enable_itn: bool | None = None
    enable_lid: bool | None = None


def check_parameters(spec: ModelSpec, parameters: dict[str, Any], *, strict: bool) -> None:
    """Check the types of `parameters` as sent. A strict check refuses everything that dashscribe itself would not send
    for this model: unknown names, values that it does not offer, and context or prompt in the wrong place."""
    try:
        _DocumentedTypes.model_validate(parameters)
        if strict:
            spec.parameters.model_validate(parameters)
    except ValueError as error:
        raise invalid() from error
    if not strict:
        return
    for name in ("special_word_filter", "sample_rate"):
        if name in parameters and not isinstance(parameters[name], str):
            raise invalid(f"{name} must be a string")
    if spec.parameters.sent_outside_parameters & parameters.keys():
        raise invalid()


def check_endpoint(spec: ModelSpec, endpoint: Endpoint) -> None:
    """Refuse a model that this synchronous endpoint does not have."""
    if endpoint in spec.endpoints:
        return
    if endpoint is Endpoint.DASHSCOPE:
        raise invalid(WRONG_ENDPOINT)
    raise RequestRefusedError(
        404, "model_not_supported", f"Unsupported model `{spec.name}` for OpenAI compatibility mode."
    )
