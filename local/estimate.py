"""How many hours of audio a backfill would send to DashScope, and what they cost: an estimate from a sample."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import av
from botocore.exceptions import ClientError

from dashscribe.domain.recognition.catalogue import region_of
from dashscribe.domain.recognition.media import Media, is_ignored, refusal
from dashscribe.domain.recognition.option_resolution import resolve_options
from dashscribe.domain.recognition.profiles import Profiles
from dashscribe.domain.recognition.watched_keys import WatchedKeys, parse_list
from dashscribe.errors import InvalidOptions, ProfilesUnreadable
from local.target import Target

MAX_LISTED = 100_000
"""Objects that are listed for the sample: 100 requests."""
SAMPLE_SIZE = 100
READERS = 8
OPEN_TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class Measured:
    """One recording of the sample. `usd` is None if the vendor publishes no price of a second; `seconds` is None if
    the recording is unreadable."""

    seconds: float | None
    usd: float | None


@dataclass(frozen=True)
class Estimate:
    """Hours of audio and list price of `files` recordings, from `sampled` of them."""

    files: int
    hours: float
    usd: float
    sampled: int
    unreadable: int = 0
    unpriced: int = 0

    def __str__(self) -> str:
        text = f"about {self.hours:,.1f} hours of audio, about {self.usd:,.2f} USD at DashScope's list prices"
        text += f" (estimated from {self.sampled} of {self.files:,} files"
        text += f"; {self.unreadable} more could not be read" if self.unreadable else ""
        text += (
            f"; {self.unpriced} use a model without a price per second and are not in the price"
            if self.unpriced
            else ""
        )
        return text + ")"


def estimate(target: Target, request: Mapping[str, Any], files: int) -> Estimate:
    """What `files` recordings cost, if they are like those that the request's filters select."""
    candidates = list(_candidates(target, request))
    chosen = random.sample(candidates, min(SAMPLE_SIZE, len(candidates)))
    with ThreadPoolExecutor(READERS) as pool:
        measured = list(pool.map(_Meter(target).measure, chosen))
    return extrapolate(measured, files)


def extrapolate(measured: Iterable[Measured], files: int) -> Estimate:
    """The sample's averages times the number of files."""
    all_of_it = list(measured)
    read = [one for one in all_of_it if one.seconds is not None]
    priced = [one.usd for one in read if one.usd is not None]
    return Estimate(
        files=files,
        hours=files * sum(one.seconds or 0 for one in read) / max(1, len(read)) / 3600,
        usd=files * sum(priced) / max(1, len(read)),
        sampled=len(read),
        unreadable=len(all_of_it) - len(read),
        unpriced=len(read) - len(priced),
    )


def _candidates(target: Target, request: Mapping[str, Any]) -> Iterator[str]:
    """The keys that the filters select, of the first `MAX_LISTED` objects."""
    bucket, results = target.output("MediaBucketName"), target.output("ResultsBucketName")
    watched = WatchedKeys(
        parse_list(target.parameters.get("MediaKeyPrefixes", "")),
        parse_list(target.parameters.get("MediaKeySuffixes", "")),
    )
    newer, older = request.get("newer_than"), request.get("older_than")
    pages = target.client("s3").get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=bucket, Prefix=request["prefix"], PaginationConfig={"MaxItems": MAX_LISTED}):
        for item in page.get("Contents", []):
            media = Media(bucket=bucket, key=item["Key"], size_bytes=item["Size"])
            if (
                item["Key"].endswith(request["suffix"])
                and (newer is None or item["LastModified"] > datetime.fromisoformat(newer))
                and (older is None or item["LastModified"] < datetime.fromisoformat(older))
                and item["Key"] in watched
                and not is_ignored(media, results)
                and refusal(media) is None
            ):
                yield item["Key"]


class _Meter:
    """Measures recordings of the media bucket: PyAV reads the header through a presigned URL."""

    def __init__(self, target: Target) -> None:
        self._s3 = target.client("s3")
        self._bucket = target.output("MediaBucketName")
        self._default_model = target.parameters.get("DefaultModel", "fun-asr")
        self._region = region_of(target.parameters.get("DashScopeBaseUrl", ""))
        self._profiles = _profiles(target)

    def measure(self, key: str) -> Measured:
        url = self._s3.generate_presigned_url("get_object", Params={"Bucket": self._bucket, "Key": key})
        try:
            with av.open(url, timeout=OPEN_TIMEOUT_SECONDS) as container:
                seconds = container.duration / av.time_base if container.duration else None
        except (av.FFmpegError, ValueError):  # the message quotes the URL, which is a secret: it is not printed
            return Measured(None, None)
        if seconds is None:
            return Measured(None, None)
        return Measured(seconds, self._price(key, seconds))

    def _price(self, key: str, seconds: float) -> float | None:
        try:
            metadata = self._s3.head_object(Bucket=self._bucket, Key=key)["Metadata"]
            options = resolve_options(
                key,
                metadata,
                self._profiles,
                default_model=self._default_model,
                region=self._region,
                read_text=lambda _: "text",  # a context does not change the price
            )
        except (InvalidOptions, ClientError):
            return 0.0  # it fails before it costs anything
        price = options.spec.price(self._region)
        return None if price is None else price * seconds * options.requested_channels


def _profiles(target: Target) -> Profiles:
    try:
        reply = target.client("ssm").get_parameter(Name=target.output("ProfilesParameterName"))
        return Profiles.parse(reply["Parameter"]["Value"])
    except (ClientError, ProfilesUnreadable):
        return Profiles()
