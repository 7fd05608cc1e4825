"""The model catalogue: each model's request shape, parameters, languages, regions, prices and limits.

To add a model, add a row. To add a model family, also add its parameters (`parameter_sets.py`), the form of its names
(`model_names.py`), its `RequestShape` (`requests.py`) and the code that reads its replies.
Sources: docs/vendor-api.md#models, docs/vendor-api.md#language-codes, docs/vendor-api.md#file-limits,
docs/vendor-api.md#rate-limits and docs/vendor-api.md#prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from dashscribe.domain.recognition.model_names import find_family
from dashscribe.domain.recognition.model_spec import (
    CHAT_PATH,
    CUSTOMIZATION_PATH,
    GENERATION_PATH,
    TASKS_PATH,
    TRANSCRIPTION_PATH,
    Endpoint,
    ModelSpec,
    ParameterSet,
    Region,
    RequestShape,
    region_of,
)

__all__ = [
    "CATALOGUE", "CHAT_PATH", "CUSTOMIZATION_PATH", "FAMILIES", "GENERATION_PATH", "TASKS_PATH", "TRANSCRIPTION_PATH",
    "Endpoint", "ModelSpec", "Region", "RequestShape", "find_spec", "region_of",
]  # fmt: skip

_NEWEST_LANGUAGES = tuple(
    "zh en ja ko vi th id ms tl hi ar fr de es pt ru it nl sv da fi no el pl cs hu ro bg hr sk".split()
)
_FUN_ASR_LANGUAGES = (*_NEWEST_LANGUAGES, "et", "ga", "lv", "lt", "mt", "sl")
"""The vendor's pages disagree, so a code that any of them allows is allowed (docs/vendor-api.md#language-codes)."""
_DISPUTED_LANGUAGES = frozenset(_FUN_ASR_LANGUAGES) - {"zh", "en", "ja"}
"""The codes of fun-asr that one of the pages does not have."""
_DISPUTED_MTL_LANGUAGES = frozenset("fr de es ru it no et ga lv lt mt sl".split())
"""The codes of fun-asr-mtl that one of the pages does not have."""
_SNAPSHOT_LANGUAGES = ("zh", "en")
_PARAFORMER_V2_LANGUAGES = tuple("zh en ja yue ko de fr ru".split())
_QWEN3_LANGUAGES = tuple("zh yue en ja de ko ru fr pt ar it es hi id th tr uk vi cs da fil fi is ms no pl sv".split())
EQUIVALENT_LANGUAGE_CODES = MappingProxyType({"tl": "fil", "fil": "tl"})
"""Filipino is `fil` in some model families and `tl` in others (docs/vendor-api.md#language-codes)."""

DEFAULT_REQUESTS_PER_SECOND = 5
"""The submit rate of models without a documented limit. It is below every documented limit
(docs/vendor-api.md#rate-limits)."""


_EVERYWHERE = frozenset({Region.INTERNATIONAL, Region.BEIJING})
_BEIJING_ONLY = frozenset({Region.BEIJING})
_US_ONLY = frozenset({Region.US})
_ASR_PRICE = MappingProxyType({Region.INTERNATIONAL: 0.000035, Region.BEIJING: 0.000032})
_PARAFORMER_PRICE = MappingProxyType({Region.BEIJING: 0.000012})
_US_PRICE = MappingProxyType({Region.US: 0.000035})
_FLASH_PRICE = MappingProxyType({Region.INTERNATIONAL: 0.000035})
_NO_PRICE: Mapping[Region, float] = MappingProxyType({})
_TOKEN_PRICE = MappingProxyType({Region.INTERNATIONAL: (0.15, 0.47), Region.BEIJING: (0.113, 0.382)})
_OMNI_TOKEN_PRICE = MappingProxyType({Region.INTERNATIONAL: (0.15, 0.47)})
_NO_TOKEN_PRICE: Mapping[Region, tuple[float, float]] = MappingProxyType({})


_THIRD_PARTY = "the price is that of a third party's list"
_SINGING = "transcribes singing; Chinese dialects; far speakers and noise"


def _fun_asr(
    name: str,
    languages: tuple[str, ...] = _FUN_ASR_LANGUAGES,
    disputed: frozenset[str] = frozenset(),
    note: str = "",
) -> ModelSpec:
    return ModelSpec(
        name,
        "fun-asr",
        ParameterSet.FUN_ASR,
        _EVERYWHERE,
        languages,
        _ASR_PRICE,
        10,
        disputed_languages=disputed,
        note=note,
    )


def _paraformer(
    name: str,
    languages: tuple[str, ...] = (),
    parameter_set: ParameterSet = ParameterSet.PARAFORMER_8K_V2,
    prices: Mapping[Region, float] = _PARAFORMER_PRICE,
    note: str = "",
) -> ModelSpec:
    return ModelSpec(name, "paraformer", parameter_set, _BEIJING_ONLY, languages, prices, 20, note=note)


def _paraformer_v1(name: str, note: str) -> ModelSpec:
    return _paraformer(name, (), ParameterSet.PARAFORMER_V1, _NO_PRICE, note)


def _qwen3_filetrans(name: str, note: str = "") -> ModelSpec:
    return ModelSpec(
        name,
        "qwen3-asr-filetrans",
        ParameterSet.QWEN3_FILETRANS,
        _EVERYWHERE,
        _QWEN3_LANGUAGES,
        _ASR_PRICE,
        DEFAULT_REQUESTS_PER_SECOND,
        RequestShape.FILE_URL,
        max_files_per_task=1,
        usage_is_audio_duration=True,
        has_documented_rate=False,
        disputed_regions=_US_ONLY,
        note=note,
    )


def _qwen_audio_filetrans(
    name: str,
    prices: Mapping[Region, float] = _NO_PRICE,
    token_prices: Mapping[Region, tuple[float, float]] = _NO_TOKEN_PRICE,
    note: str = "",
) -> ModelSpec:
    return ModelSpec(
        name,
        "qwen-audio-filetrans",
        ParameterSet.QWEN_AUDIO_FILETRANS,
        _EVERYWHERE,
        _NEWEST_LANGUAGES,
        prices,
        10,
        usd_per_million_tokens=token_prices,
        note=note,
    )


def _synchronous(
    name: str,
    family: str,
    parameter_set: ParameterSet,
    shape: RequestShape,
    languages: tuple[str, ...] | None,
    *,
    regions: frozenset[Region] = _EVERYWHERE,
    prices: Mapping[Region, float] = _NO_PRICE,
    endpoints: tuple[Endpoint, ...] = (Endpoint.DASHSCOPE,),
    streams_by_default: bool = False,
    must_stream: bool = False,
    note: str = "",
) -> ModelSpec:
    """A model for synchronous calls: one file of at most 10 MB and 5 minutes (docs/vendor-api.md#file-limits)."""
    return ModelSpec(
        name,
        family,
        parameter_set,
        regions,
        languages,
        prices,
        DEFAULT_REQUESTS_PER_SECOND,
        shape,
        max_files_per_task=1,
        max_size_bytes=10 * 1024**2,
        max_duration_seconds=300,
        endpoints=endpoints,
        streams_by_default=streams_by_default or must_stream,
        must_stream=must_stream,
        has_documented_rate=False,
        note=note,
    )


def _qwen3_flash(name: str, note: str = "", *, us: bool = False) -> ModelSpec:
    return _synchronous(
        name,
        "qwen3-asr-flash",
        ParameterSet.QWEN3_FLASH,
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
        ParameterSet.QWEN_AUDIO_FLASH,
        RequestShape.INPUT_AUDIO,
        _NEWEST_LANGUAGES,
        streams_by_default=True,
    )


def _omni(
    name: str,
    token_prices: Mapping[Region, tuple[float, float]] = _NO_TOKEN_PRICE,
    regions: frozenset[Region] = _EVERYWHERE,
) -> ModelSpec:
    """A model for prompted transcription. No page of the vendor has a limit of its files."""
    return replace(
        _synchronous(
            name,
            "qwen-omni",
            ParameterSet.OMNI,
            RequestShape.PROMPTED_AUDIO,
            (),
            regions=regions,
            endpoints=(Endpoint.OPENAI,),
            must_stream=True,
            note="generated text without times; billed by tokens",
        ),
        max_size_bytes=None,
        max_duration_seconds=None,
        usd_per_million_tokens=token_prices,
    )


CATALOGUE: Mapping[str, ModelSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            _fun_asr(
                "fun-asr",
                disputed=_DISPUTED_LANGUAGES,
                note=f"the stable name of fun-asr-2025-11-07; {_SINGING}",
            ),
            _fun_asr("fun-asr-2025-11-07", disputed=_DISPUTED_LANGUAGES, note=_SINGING),
            _fun_asr("fun-asr-2025-08-25", _SNAPSHOT_LANGUAGES),
            _fun_asr(
                "fun-asr-mtl",
                disputed=_DISPUTED_MTL_LANGUAGES,
                note="the stable name of fun-asr-mtl-2025-08-25; the vendor recommends fun-asr",
            ),
            _fun_asr("fun-asr-mtl-2025-08-25", disputed=_DISPUTED_MTL_LANGUAGES),
            _paraformer("paraformer-v2", _PARAFORMER_V2_LANGUAGES, ParameterSet.PARAFORMER_V2),
            _paraformer("paraformer-8k-v2", note="Chinese telephone speech, 8 kHz"),
            _paraformer_v1("paraformer-v1", "legacy"),
            _paraformer_v1("paraformer-8k-v1", "legacy; Chinese telephone speech, 8 kHz"),
            _paraformer_v1("paraformer-mtl-v1", "legacy; several languages, 16 kHz or more"),
            _qwen3_filetrans(
                "qwen3-asr-flash-filetrans", f"the stable name of qwen3-asr-flash-filetrans-2025-11-17; {_THIRD_PARTY}"
            ),
            _qwen3_filetrans("qwen3-asr-flash-filetrans-2025-11-17", _THIRD_PARTY),
            _qwen_audio_filetrans("qwen-audio-3.0-asr-flash-filetrans", _ASR_PRICE),
            _qwen_audio_filetrans(
                "qwen-audio-3.1-asr-flash-filetrans", token_prices=_TOKEN_PRICE, note="billed by tokens"
            ),
            _qwen3_flash("qwen3-asr-flash"),
            _qwen3_flash("qwen3-asr-flash-2025-09-08"),
            _qwen3_flash("qwen3-asr-flash-2026-02-10"),
            _qwen3_flash("qwen3-asr-flash-us", f"US host only; {_THIRD_PARTY}", us=True),
            _qwen3_flash("qwen3-asr-flash-2025-09-08-us", f"US host only; {_THIRD_PARTY}", us=True),
            _synchronous(
                "fun-asr-flash-2026-06-15",
                "fun-asr-flash",
                ParameterSet.FUN_ASR_FLASH,
                RequestShape.INPUT_AUDIO,
                None,
                prices=_FLASH_PRICE,
                streams_by_default=True,
                note="streams by default: only a stream has the times of every sentence",
            ),
            _qwen_audio_flash("qwen-audio-3.0-asr-flash"),
            _qwen_audio_flash("qwen-audio-3.1-asr-flash"),
            _omni("qwen3-omni-flash"),
            _omni("qwen3.5-omni-flash"),
            _omni("qwen3.8-omni-flash", _OMNI_TOKEN_PRICE, _EVERYWHERE | _US_ONLY),
        )
    }
)

FAMILIES: Mapping[str, ModelSpec] = MappingProxyType(
    {
        spec.family: replace(
            spec,
            name="",
            regions=frozenset(Region),
            languages=None,
            usd_per_second=_NO_PRICE,
            usd_per_million_tokens=_NO_TOKEN_PRICE,
            has_documented_rate=False,
            is_in_catalogue=False,
            disputed_languages=frozenset(),
            disputed_regions=frozenset(),
            note="",
        )
        for spec in reversed(tuple(CATALOGUE.values()))
    }
)
"""Each family's template for a model that the catalogue does not have: no price, no language list, every region.

It is the family's first row. The rows are reversed because the last value of a key remains.
"""


def find_spec(model: str, family: str = "") -> ModelSpec | None:
    """Return a model's row. For a model that the catalogue does not have, return its family's template, or None.

    Without a declared `family`, the form of the name tells the family.
    """
    known = CATALOGUE.get(model)
    if known is not None:
        return known
    template = FAMILIES.get(family or find_family(model))
    return replace(template, name=model) if template else None
