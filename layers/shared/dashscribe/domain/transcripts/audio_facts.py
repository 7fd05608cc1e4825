"""What a transcript says of the audio. Records and events contain it, and need no other part of the transcript."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class AudioFacts(BaseModel):
    """Facts about the audio. None where the model does not give them."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    duration_ms: int | None
    speech_ms: int | None
    channels: list[int]
    format: str | None = Field(default=None, description="the format of the audio, as the vendor names it")
    sample_rate: int | None = Field(default=None, description="in Hz")
