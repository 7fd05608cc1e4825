"""Convert media to the vendor's result JSON: PyAV (FFmpeg) decodes, PocketSphinx recognises. English only."""

from __future__ import annotations

import io
import multiprocessing
import os
import threading
from functools import cache
from itertools import chain
from typing import Any

import av
from av.audio.resampler import AudioResampler
from pocketsphinx import Decoder, Segmenter  # type: ignore[import-untyped]  # the package has no stubs

from local.simulator.speakers import Diarization, measure_pitch, number_speakers

SAMPLE_RATE = 16_000
_FRAMES_PER_SECOND = 100
_BYTES_PER_MS = SAMPLE_RATE * 2 // 1000
_PAUSE = "<sil>"
"""PocketSphinx counts most of a pause as part of the adjacent words: 90 to 170 ms of silence after the full stops and
commas of the samples become 40 to 90 ms of `<sil>`. It reports no other `<sil>`, so every `<sil>` is a pause."""
_NOISE = ("<", "[", "+")


class RecognitionError(Exception):
    """When a file cannot be transcribed. `code` is the vendor's (docs/vendor-api.md#file-error-codes)."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.code = code


def exit_with_server() -> None:
    """Make a recogniser's process exit when its server exits.

    The process has its own queue open, so without this it would wait for the next file forever.
    """

    def wait_and_end() -> None:
        server = multiprocessing.parent_process()
        if server is not None:
            server.join()
            os._exit(1)

    threading.Thread(target=wait_and_end, daemon=True).start()


@cache
def _decoder() -> Decoder:
    """One decoder for each process, because its acoustic model takes half a second to load.

    The limit of hypotheses in a frame saves a sixth of the time. The words of the samples change below 3,000.
    """
    return Decoder(loglevel="FATAL", maxhmmpf=4000)


def load_model() -> None:
    """Load the acoustic model of this process before it gets its first recording."""
    _decoder()


def recognise(
    media: bytes,
    channels: list[int],
    longest_seconds: int | None = None,
    silence_fails: bool = True,
    diarization: Diarization | None = None,
) -> dict[str, Any]:
    """Return `properties` and `transcripts` of the result JSON (docs/vendor-api.md#result-file).

    `longest_seconds` is the maximum duration of a recording for a synchronous model. With `silence_fails`, a recording
    without speech is an error, otherwise it has no transcripts. With `diarization`, each sentence has a `speaker_id`.
    Raises `RecognitionError`.
    """
    properties, tracks = _decode(media)
    if longest_seconds is not None and properties["original_duration_in_milliseconds"] > longest_seconds * 1000:
        raise RecognitionError(
            "InvalidFile.AudioLengthError", f"The audio must be between 1 and {longest_seconds} seconds long."
        )
    transcripts = []
    for channel in channels:
        if channel >= len(tracks):
            raise RecognitionError("NO_VALID_AUDIO_ERROR", f"channel_id {channel} is not in the audio")
        transcript = _transcribe_channel(tracks[channel], channel, diarization)
        if transcript is not None:
            transcripts.append(transcript)
    if not transcripts and silence_fails:
        raise RecognitionError("SUCCESS_WITH_NO_VALID_FRAGMENT")
    return {"properties": {**properties, "channels": channels}, "transcripts": transcripts}


def _decode(media: bytes) -> tuple[dict[str, Any], list[bytes]]:
    try:
        with av.open(io.BytesIO(media), mode="r") as container:
            if not container.streams.audio:
                raise RecognitionError("NO_VALID_AUDIO_ERROR", "the file has no audio track")
            stream = container.streams.audio[0]
            layout = "stereo" if stream.codec_context.channels > 1 else "mono"
            resampler = AudioResampler(format="s16p", layout=layout, rate=SAMPLE_RATE)
            planes = [bytearray() for _ in range(2 if layout == "stereo" else 1)]
            for frame in chain(container.decode(stream), [None]):
                for part in resampler.resample(frame):
                    for plane, samples in zip(planes, part.planes, strict=False):
                        plane += bytes(samples)[: part.samples * 2]
            codec, rate = stream.codec_context.codec.canonical_name, stream.codec_context.sample_rate
    except av.FFmpegError as error:
        raise RecognitionError("DECODE_ERROR", "cannot detect audio info") from error
    return (
        {
            "audio_format": codec,
            "original_sampling_rate": rate,
            "original_duration_in_milliseconds": len(planes[0]) // _BYTES_PER_MS,
        },
        [bytes(plane) for plane in planes],
    )


def _transcribe_channel(pcm: bytes, channel: int, diarization: Diarization | None) -> dict[str, Any] | None:
    """Transcribe one channel. Voice activity detection finds the utterances, and pauses separate their sentences."""
    sentences: list[dict[str, Any]] = []
    segmenter = Segmenter(sample_rate=SAMPLE_RATE)
    if len(pcm) % segmenter.frame_bytes == 0:
        pcm += bytes(2)  # the segmenter returns speech at the end only if the last frame is incomplete
    for segment in segmenter.segment(io.BytesIO(pcm)):
        for words in _recognise_sentences(segment.pcm, round(segment.start_time * 1000)):
            sentences.append(_build_sentence(words, len(sentences) + 1))
    if not sentences:
        return None
    if diarization is not None:
        pitches = [measure_pitch(_cut(pcm, sentence)) for sentence in sentences]
        for sentence, speaker in zip(sentences, number_speakers(pitches, diarization), strict=True):
            sentence["speaker_id"] = speaker
    return build_transcript(channel, sentences)


def _cut(pcm: bytes, sentence: dict[str, Any]) -> bytes:
    return pcm[sentence["begin_time"] * _BYTES_PER_MS : sentence["end_time"] * _BYTES_PER_MS]


def build_transcript(channel: int, sentences: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the result of one channel. Its speech is the sum of its sentences (docs/vendor-api.md#result-file)."""
    return {
        "channel_id": channel,
        "content_duration_in_milliseconds": sum(
            sentence["end_time"] - sentence["begin_time"] for sentence in sentences
        ),
        "text": "".join(sentence["text"] for sentence in sentences),
        "sentences": sentences,
    }


def _recognise_sentences(pcm: bytes, offset_ms: int) -> list[list[dict[str, Any]]]:
    decoder = _decoder()
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    found: list[list[dict[str, Any]]] = [[]]
    for segment in decoder.seg() or []:
        if segment.word.startswith(_NOISE):
            if segment.word == _PAUSE and found[-1]:
                found.append([])
            continue
        found[-1].append(
            {
                "begin_time": offset_ms + segment.start_frame * 1000 // _FRAMES_PER_SECOND,
                "end_time": offset_ms + (segment.end_frame + 1) * 1000 // _FRAMES_PER_SECOND,
                "text": segment.word.partition("(")[0],
                "punctuation": "",
            }
        )
    return [words for words in found if words]


def _build_sentence(words: list[dict[str, Any]], sentence_id: int) -> dict[str, Any]:
    """Words have leading blanks, and a blank follows the last punctuation, as in the samples of Fun-ASR
    (docs/vendor-api.md#word-text)."""
    words[0]["text"] = words[0]["text"].capitalize()
    for word in words[1:]:
        word["text"] = f" {word['text']}"
    words[-1]["punctuation"] = ". "
    return {
        "begin_time": words[0]["begin_time"],
        "end_time": words[-1]["end_time"],
        "text": "".join(word["text"] + word["punctuation"] for word in words),
        "sentence_id": sentence_id,
        "words": words,
    }
