"""What the catalogue says about a model, the regions of DashScope, and the shapes of requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from dashscribe.domain.recognition.parameters import ModelParameters

TRANSCRIPTION_PATH = "/api/v1/services/audio/asr/transcription"
TASKS_PATH = "/api/v1/tasks"
CUSTOMIZATION_PATH = "/api/v1/services/audio/asr/customization"
GENERATION_PATH = "/api/v1/services/aigc/multimodal-generation/generation"
CHAT_PATH = "/compatible-mode/v1/chat/completions"


class Region(StrEnum):
    """A region of DashScope. An API key and a task belong to one region."""

    INTERNATIONAL = "international"
    BEIJING = "beijing"
    US = "us"
    OTHER = "other"  # an unknown host, such as a private deployment or a simulator; it may serve every model


_REGION_OF_HOST = {
    "dashscope-intl.aliyuncs.com": Region.INTERNATIONAL,
    "dashscope.aliyuncs.com": Region.BEIJING,
    "dashscope-us.aliyuncs.com": Region.US,
}
_REGION_OF_WORKSPACE_HOST = {
    "ap-southeast-1": Region.INTERNATIONAL,
    "cn-beijing": Region.BEIJING,
    "us-east-1": Region.US,
}


def region_of(base_url: str) -> Region:
    """Return the region of a DashScope host (docs/vendor-api.md#hosts-and-regions); `OTHER` if it is unknown."""
    try:
        host = (urlsplit(base_url).hostname or "").lower()
    except ValueError:
        return Region.OTHER
    if host.endswith(".maas.aliyuncs.com"):
        return _REGION_OF_WORKSPACE_HOST.get(host.split(".")[-4], Region.OTHER)
    return _REGION_OF_HOST.get(host, Region.OTHER)


class RequestShape(StrEnum):
    """How a request names its audio. `requests.py` builds the requests."""

    FILE_URLS = "file_urls"  # a task: input.file_urls; the reply has output.results[] and usage.duration
    FILE_URL = "file_url"  # a task: input.file_url; the reply has output.result and usage.seconds
    AUDIO_MESSAGE = "audio_message"  # synchronous: a message with {"audio": …}; the reply has output.choices
    INPUT_AUDIO = "input_audio"  # synchronous: a message with {"type": "input_audio"}; the reply has output.text
    PROMPTED_AUDIO = "prompted_audio"  # synchronous: a chat completion with audio and a prompt


TASK_SHAPES = frozenset({RequestShape.FILE_URLS, RequestShape.FILE_URL})
"""The shapes of asynchronous models. The other shapes are synchronous calls."""


class Endpoint(StrEnum):
    """The endpoints for synchronous calls."""

    DASHSCOPE = "dashscope"  # POST /api/v1/services/aigc/multimodal-generation/generation
    OPENAI = "openai"  # POST /compatible-mode/v1/chat/completions


class ParameterSet(StrEnum):
    """The parameters that models have in common. `parameter_sets.py` has the pydantic model of each."""

    FUN_ASR = "fun-asr"
    FUN_ASR_FLASH = "fun-asr-flash"
    PARAFORMER_V1 = "paraformer-v1"
    PARAFORMER_8K_V2 = "paraformer-8k-v2"
    PARAFORMER_V2 = "paraformer-v2"
    QWEN3_FILETRANS = "qwen3-filetrans"
    QWEN3_FLASH = "qwen3-flash"
    QWEN_AUDIO_FILETRANS = "qwen-audio-filetrans"
    QWEN_AUDIO_FLASH = "qwen-audio-flash"
    OMNI = "omni"


@dataclass(frozen=True)
class ModelSpec:
    """One row of the catalogue.

    `languages` is empty if the model takes no language parameter, and None if its languages are unknown and must not
    be checked. `usd_per_second` is the price of a second of audio in one channel. `usd_per_million_tokens` is that of
    the input and of the output. Both are empty if the vendor publishes no price. `submit_requests_per_second` is the
    limit of the whole account, or our own if the vendor publishes none. A size or duration is None if the vendor
    publishes no limit. `disputed_languages` and `disputed_regions` are those that one of the vendor's pages allows and
    another does not. `usage_is_audio_duration`: the reported seconds are the duration of the audio, so each channel is
    billed for them. `endpoints` are those of a synchronous model, the default first.
    """

    name: str
    family: str
    parameter_set: ParameterSet
    regions: frozenset[Region]
    languages: tuple[str, ...] | None
    usd_per_second: Mapping[Region, float]
    submit_requests_per_second: float
    shape: RequestShape = RequestShape.FILE_URLS
    max_files_per_task: int = 100
    max_size_bytes: int | None = 2 * 1024**3
    max_duration_seconds: int | None = 12 * 3600
    endpoints: tuple[Endpoint, ...] = ()
    streams_by_default: bool = False
    must_stream: bool = False
    usd_per_million_tokens: Mapping[Region, tuple[float, float]] = field(default_factory=dict)
    usage_is_audio_duration: bool = False
    has_documented_rate: bool = True
    is_in_catalogue: bool = True
    disputed_languages: frozenset[str] = frozenset()
    disputed_regions: frozenset[Region] = frozenset()
    note: str = ""

    @property
    def parameters(self) -> type[ModelParameters]:
        """The pydantic model of the parameters.

        The models are imported here because most functions start without them (docs/performance.md#cold-start).
        """
        from dashscribe.domain.recognition.parameter_sets import PARAMETERS

        return PARAMETERS[self.parameter_set]

    @property
    def is_synchronous(self) -> bool:
        """Whether a request returns the transcript in its response, without a task."""
        return self.shape not in TASK_SHAPES

    def price(self, region: Region) -> float | None:
        """Return USD per second of audio in one channel; None if it is unknown.

        For an unknown region it is the highest price, so that an estimate is never too low.
        """
        if not self.usd_per_second:
            return None
        return self.usd_per_second.get(region, max(self.usd_per_second.values()))

    def token_price(self, region: Region) -> tuple[float, float] | None:
        """Return USD per million tokens of input and of output, as `price` does."""
        if not self.usd_per_million_tokens:
            return None
        return self.usd_per_million_tokens.get(region, max(self.usd_per_million_tokens.values()))
