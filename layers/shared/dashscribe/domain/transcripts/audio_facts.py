"""What a transcript says of the audio. Records and events contain it, and need no other part of the transcript."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class AudioFacts(BaseModel):
    """Facts about the audio. None where the model does not give them."""

    model_config = ConfigDict(frozen=True)

    duration_ms: int | None
    speech_ms: int | None
    channels: list[int]
