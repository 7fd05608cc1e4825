"""The pydantic model of each parameter set of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from dashscribe.domain.recognition.flash_parameters import (
    FunAsrFlashParameters,
    QwenAudioFiletransParameters,
    QwenAudioFlashParameters,
)
from dashscribe.domain.recognition.model_spec import ParameterSet
from dashscribe.domain.recognition.parameters import (
    FunAsrParameters,
    ModelParameters,
    Paraformer8kV2Parameters,
    ParaformerV1Parameters,
    ParaformerV2Parameters,
)
from dashscribe.domain.recognition.qwen_parameters import (
    OmniParameters,
    Qwen3FiletransParameters,
    Qwen3FlashParameters,
)

PARAMETERS: Mapping[ParameterSet, type[ModelParameters]] = MappingProxyType(
    {
        ParameterSet.FUN_ASR: FunAsrParameters,
        ParameterSet.FUN_ASR_FLASH: FunAsrFlashParameters,
        ParameterSet.PARAFORMER_V1: ParaformerV1Parameters,
        ParameterSet.PARAFORMER_8K_V2: Paraformer8kV2Parameters,
        ParameterSet.PARAFORMER_V2: ParaformerV2Parameters,
        ParameterSet.QWEN3_FILETRANS: Qwen3FiletransParameters,
        ParameterSet.QWEN3_FLASH: Qwen3FlashParameters,
        ParameterSet.QWEN_AUDIO_FILETRANS: QwenAudioFiletransParameters,
        ParameterSet.QWEN_AUDIO_FLASH: QwenAudioFlashParameters,
        ParameterSet.OMNI: OmniParameters,
    }
)
