"""The model catalogue: each model's request shape, parameters, languages, regions, prices and limits.

To add a model, add a row. To add a model family, also add its parameters (`parameters.py`), its `RequestShape`
(`requests.py`) and the code that reads its replies.
Sources: docs/vendor-api.md#models, docs/vendor-api.md#language-codes, docs/vendor-api.md#file-limits,
docs/vendor-api.md#rate-limits and docs/vendor-api.md#prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from urllib.parse import urlsplit

from dashscribe.domain.recognition.parameters import (
    FunAsrFlashParameters,
    FunAsrParameters,
    ModelParameters,
    OmniParameters,
    Paraformer8kV2Parameters,
    ParaformerParameters,
    ParaformerV2Parameters,
    Qwen3FiletransParameters,
    Qwen3FlashParameters,
    QwenAudioFiletransParameters,
    QwenAudioFlashParameters,
)

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


_NEWEST_LANGUAGES = tuple(
    "zh en ja ko vi th id ms tl hi ar fr de es pt ru it nl sv da fi no el pl cs hu ro bg hr sk".split()
)
_FUN_ASR_LANGUAGES = (*_NEWEST_LANGUAGES, "et", "ga", "lv", "lt", "mt", "sl")
"""The vendor's pages disagree, so a code that any of them allows is allowed (docs/vendor-api.md#language-codes)."""
_SNAPSHOT_LANGUAGES = ("zh", "en")
_PARAFORMER_V2_LANGUAGES = tuple("zh en ja yue ko de fr ru".split())
_QWEN3_LANGUAGES = tuple("zh yue en ja de ko ru fr pt ar it es hi id th tr uk vi cs da fil fi is ms no pl sv".split())
EQUIVALENT_LANGUAGE_CODES = MappingProxyType({"tl": "fil", "fil": "tl"})
"""Filipino is `fil` in some model families and `tl` in others (docs/vendor-api.md#language-codes)."""

_MB, _GB = 1024**2, 1024**3
DEFAULT_REQUESTS_PER_SECOND = 5
"""The submit rate of models without a documented limit. It is below every documented limit
(docs/vendor-api.md#rate-limits)."""


@dataclass(frozen=True)
class ModelSpec:
    """One row of the catalogue.

    `languages` is empty if the model takes no language parameter, and None if its languages are unknown and must not
    be checked. `usd_per_second` is the price of a second of audio in one channel; it is empty if the vendor bills
    tokens or publishes no price. `submit_requests_per_second` is the limit of the whole account. `endpoints` are those
    of a synchronous model, the default first.
    """

    name: str
    family: str
    parameters: type[ModelParameters]
    regions: frozenset[Region]
    languages: tuple[str, ...] | None
    usd_per_second: Mapping[Region, float]
    submit_requests_per_second: float
    shape: RequestShape = RequestShape.FILE_URLS
    max_files_per_task: int = 100
    max_size_bytes: int = 2 * _GB
    max_duration_seconds: int = 12 * 3600
    endpoints: tuple[Endpoint, ...] = ()
    streams_by_default: bool = False
    must_stream: bool = False
    note: str = ""

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


_EVERYWHERE = frozenset({Region.INTERNATIONAL, Region.BEIJING})
_BEIJING_ONLY = frozenset({Region.BEIJING})
_US_ONLY = frozenset({Region.US})
_ASR_PRICE = MappingProxyType({Region.INTERNATIONAL: 0.000035, Region.BEIJING: 0.000032})
_PARAFORMER_PRICE = MappingProxyType({Region.BEIJING: 0.000012})
_US_PRICE = MappingProxyType({Region.US: 0.000035})
_NO_PRICE: Mapping[Region, float] = MappingProxyType({})


def _fun_asr(name: str, languages: tuple[str, ...] = _FUN_ASR_LANGUAGES, note: str = "") -> ModelSpec:
    return ModelSpec(name, "fun-asr", FunAsrParameters, _EVERYWHERE, languages, _ASR_PRICE, 10, note=note)


def _paraformer(
    name: str,
    languages: tuple[str, ...] = (),
    parameters: type[ModelParameters] = ParaformerParameters,
    note: str = "",
) -> ModelSpec:
    return ModelSpec(name, "paraformer", parameters, _BEIJING_ONLY, languages, _PARAFORMER_PRICE, 20, note=note)


def _qwen3_filetrans(name: str, note: str = "") -> ModelSpec:
    return ModelSpec(
        name,
        "qwen3-asr-filetrans",
        Qwen3FiletransParameters,
        _EVERYWHERE,
        _QWEN3_LANGUAGES,
        _ASR_PRICE,
        DEFAULT_REQUESTS_PER_SECOND,
        RequestShape.FILE_URL,
        max_files_per_task=1,
        note=note,
    )


def _qwen_audio_filetrans(name: str, prices: Mapping[Region, float], note: str = "") -> ModelSpec:
    return ModelSpec(
        name,
        "qwen-audio-filetrans",
        QwenAudioFiletransParameters,
        _EVERYWHERE,
        _NEWEST_LANGUAGES,
        prices,
        10,
        note=note,
    )


def _synchronous(
    name: str,
    family: str,
    parameters: type[ModelParameters],
    shape: RequestShape,
    languages: tuple[str, ...],
    *,
    regions: frozenset[Region] = _EVERYWHERE,
    prices: Mapping[Region, float] = _NO_PRICE,
    rate: float = DEFAULT_REQUESTS_PER_SECOND,
    endpoints: tuple[Endpoint, ...] = (Endpoint.DASHSCOPE,),
    streams_by_default: bool = False,
    must_stream: bool = False,
    note: str = "",
) -> ModelSpec:
    """A model for synchronous calls: one file of at most 10 MB and 5 minutes (docs/vendor-api.md#file-limits)."""
    return ModelSpec(
        name,
        family,
        parameters,
        regions,
        languages,
        prices,
        rate,
        shape,
        max_files_per_task=1,
        max_size_bytes=10 * _MB,
        max_duration_seconds=300,
        endpoints=endpoints,
        streams_by_default=streams_by_default or must_stream,
        must_stream=must_stream,
        note=note,
    )


def _qwen3_flash(name: str, note: str = "", *, us: bool = False) -> ModelSpec:
    return _synchronous(
        name,
        "qwen3-asr-flash",
        Qwen3FlashParameters,
        RequestShape.AUDIO_MESSAGE,
        _QWEN3_LANGUAGES,
        regions=_US_ONLY if us else _EVERYWHERE,
        prices=_US_PRICE if us else _ASR_PRICE,
        endpoints=(Endpoint.DASHSCOPE,) if us else (Endpoint.DASHSCOPE, Endpoint.OPENAI),
        note=note,
    )


def _qwen_audio_flash(name: str) -> ModelSpec:
    return _synchronous(
        name,
        "qwen-audio-flash",
        QwenAudioFlashParameters,
        RequestShape.INPUT_AUDIO,
        _NEWEST_LANGUAGES,
        rate=10,
        streams_by_default=True,
    )


def _omni(name: str, note: str) -> ModelSpec:
    return _synchronous(
        name,
        "qwen-omni",
        OmniParameters,
        RequestShape.PROMPTED_AUDIO,
        (),
        endpoints=(Endpoint.OPENAI,),
        must_stream=True,
        note=note,
    )


CATALOGUE: Mapping[str, ModelSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            _fun_asr("fun-asr", note="the stable name of fun-asr-2025-11-07"),
            _fun_asr("fun-asr-2025-11-07"),
            _fun_asr("fun-asr-2025-08-25", _SNAPSHOT_LANGUAGES),
            _fun_asr("fun-asr-mtl", note="the stable name of fun-asr-mtl-2025-08-25"),
            _fun_asr("fun-asr-mtl-2025-08-25"),
            _paraformer("paraformer-v2", _PARAFORMER_V2_LANGUAGES, ParaformerV2Parameters),
            _paraformer(
                "paraformer-8k-v2", parameters=Paraformer8kV2Parameters, note="Chinese telephone speech, 8 kHz"
            ),
            _paraformer("paraformer-v1", note="legacy"),
            _paraformer("paraformer-8k-v1", note="legacy; Chinese telephone speech, 8 kHz"),
            _paraformer("paraformer-mtl-v1", note="legacy; several languages, 16 kHz or more"),
            _qwen3_filetrans("qwen3-asr-flash-filetrans", "the stable name of qwen3-asr-flash-filetrans-2025-11-17"),
            _qwen3_filetrans("qwen3-asr-flash-filetrans-2025-11-17"),
            _qwen_audio_filetrans("qwen-audio-3.0-asr-flash-filetrans", _ASR_PRICE),
            _qwen_audio_filetrans("qwen-audio-3.1-asr-flash-filetrans", _NO_PRICE, "billed by tokens"),
            _qwen3_flash("qwen3-asr-flash"),
            _qwen3_flash("qwen3-asr-flash-2025-09-08"),
            _qwen3_flash("qwen3-asr-flash-2026-02-10"),
            _qwen3_flash("qwen3-asr-flash-us", "US host only", us=True),
            _qwen3_flash("qwen3-asr-flash-2025-09-08-us", "US host only", us=True),
            _synchronous(
                "fun-asr-flash-2026-06-15",
                "fun-asr-flash",
                FunAsrFlashParameters,
                RequestShape.INPUT_AUDIO,
                _FUN_ASR_LANGUAGES,
                prices=_ASR_PRICE,
                streams_by_default=True,
                note="streams by default: only a stream has the times of every sentence",
            ),
            _qwen_audio_flash("qwen-audio-3.0-asr-flash"),
            _qwen_audio_flash("qwen-audio-3.1-asr-flash"),
            _omni("qwen3-omni-flash", "generated text without times; billed by tokens"),
            _omni("qwen3.5-omni-flash", "generated text without times; billed by tokens"),
            _omni("qwen3.8-omni-flash", "generated text without times; billed by tokens"),
        )
    }
)

FAMILIES: Mapping[str, ModelSpec] = MappingProxyType(
    {
        spec.family: replace(
            spec, name="", regions=frozenset(Region), languages=None, usd_per_second=_NO_PRICE, note=""
        )
        for spec in reversed(tuple(CATALOGUE.values()))
    }
)
"""Each family's template for a model that the catalogue does not have: no price, no language list, every region.

It is the family's first row. The rows are reversed because the last value of a key remains.
"""


def find_spec(model: str, family: str = "") -> ModelSpec | None:
    """Return a model's row. For a model that the catalogue does not have, return its family's template, or None."""
    known = CATALOGUE.get(model)
    if known is not None:
        return known
    template = FAMILIES.get(family)
    return replace(template, name=model) if template else None
