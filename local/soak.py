"""`make soak`: many uploads through the deployed template while the vendor fails at random; figures and a verdict.

Every file has a different text, so that a transcript of another file is noticed. The faults of files, of result
downloads, of submissions and of queries are drawn before the run (`--seed`).
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from local.processes import StackError
from local.simulator.scenario import decode_path
from local.stack import LOCAL, Stack, StackInfo
from local.subscriber import Subscriber

FAULT_RATE = 0.05
FILES_PER_TASK = 10
TYPICAL_TASK_FILES = 4
"""Files in a task at this rate of uploads. A fault of a submission or query is drawn for one of them."""
WAVE_FILES = 40
"""Files that are uploaded together. With the seconds between waves that is 8 a second, which MiniStack can process on
two cores."""
SECONDS_BETWEEN_WAVES = 5.0
MAX_RESUBMISSIONS = 3
ENDS = ("Transcription Succeeded", "Transcription Failed")

Json = dict[str, Any]
BUSY: Json = {"code": "ServiceUnavailable", "message": "try later"}
THROTTLED: Json = {"status": 429, "body": {"code": "Throttling.BurstRate", "message": "too fast"}}
FILE_FAULTS: tuple[Json, ...] = (
    {"code": "FILE_403_FORBIDDEN"},
    {"code": "FILE_DOWNLOAD_FAILED"},
    {"code": "InternalError.Algo"},
    {"missing": True},
    {"code": "DECODE_ERROR"},
    {"code": "SUCCESS_WITH_NO_VALID_FRAGMENT"},
)
SUBMIT_FAULTS: tuple[Json, ...] = (
    {"status": 500},
    {"status": 503, "body": BUSY},
    {"status": 502, "body": "<html>Bad Gateway</html>"},
    THROTTLED,
    {"kind": "reset"},
    {"kind": "reset_after"},
)
QUERY_FAULTS: tuple[Json, ...] = (
    {"status": 500},
    {"status": 502, "body": "<html>Bad Gateway</html>"},
    THROTTLED,
    {"kind": "reset"},
    {"kind": "hang", "seconds": 2},
)
RESULT_FAULTS: tuple[Json, ...] = (
    {"status": 500},
    {"status": 403, "body": "<Error><Code>AccessDenied</Code></Error>"},
    {"status": 200, "body": '{"transcripts": [{"channel_'},
    {"kind": "reset"},
    {"kind": "hang", "seconds": 2},
)
FINAL_CODES = {"DECODE_ERROR": "DECODE_ERROR", "SUCCESS_WITH_NO_VALID_FRAGMENT": None}
"""The error code in the event after a file fault that is final. After other faults the file is submitted again."""


@dataclass
class Upload:
    """One file of the run: the fault that was drawn for it, and its events and submissions."""

    key: str
    text: str
    fault: Json | None
    uploaded: bool = False
    events: list[Json] = field(default_factory=list)
    accepted: int = 0
    lost_responses: int = 0

    @property
    def answers(self) -> list[Json]:
        if self.fault is None:
            return [{"text": self.text}]
        return [self.fault] if self.fault.get("code") in FINAL_CODES else [self.fault, {"text": self.text}]

    @property
    def expected_code(self) -> str | None:
        return FINAL_CODES.get(self.fault.get("code", "")) if self.fault else None

    @property
    def ends(self) -> list[Json]:
        return [event for event in self.events if event["detail-type"] in ENDS]

    @property
    def max_submissions(self) -> int:
        """One, one more for a fault of the file, and one for a lost response that cannot be reconciled."""
        return min(len(self.answers), 1 + MAX_RESUBMISSIONS) + min(self.lost_responses, 1)

    def violations(self) -> Iterator[str]:
        """The rules that this upload's events and submissions violate."""
        ends = self.ends
        if not ends:
            yield "no terminal event"
            return
        if len({event["detail-type"] for event in ends}) > 1:
            yield "two kinds of terminal events"
        if len({event["detail"]["job_id"] for event in self.events}) > 1:
            yield "two jobs"
        error = ends[0]["detail"]["error"]
        if (error["code"] if error else None) != self.expected_code:
            yield f"ended with {error}"
        if self.accepted > self.max_submissions:
            yield f"submitted {self.accepted} times, allowed {self.max_submissions}"


class Soak:
    """One run on one stack."""

    def __init__(self, info: StackInfo, folder: Path, uploads: Sequence[Upload], minutes: float) -> None:
        self.info = info
        self.folder = folder
        self.uploads = {upload.key: upload for upload in uploads}
        self.until = time.monotonic() + 60 * minutes
        self.memory: dict[str, Mapping[str, float]] = {}
        self._finished = threading.Event()
        self._receive_errors: list[str] = []

    def run(self) -> None:
        self._measure_memory("start")
        listener = threading.Thread(target=self._listen, args=[Subscriber(self.info, "soak")])
        listener.start()
        try:
            self._upload()
            self._wait()
        finally:
            self._finished.set()
            listener.join()
        self._measure_memory("end")

    def _upload(self) -> None:
        s3, bucket = self.info.client("s3"), self.info.outputs["MediaBucketName"]

        def put(upload: Upload) -> None:
            s3.put_object(Bucket=bucket, Key=upload.key, Body=b"scripted")
            upload.uploaded = True

        waiting = list(self.uploads.values())
        last_moment = time.monotonic() + (self.until - time.monotonic()) * 2 / 3
        with ThreadPoolExecutor(8) as pool:
            for start in range(0, len(waiting), WAVE_FILES):
                if time.monotonic() > last_moment:
                    print(f"the time is over: {start} of {len(waiting)} files were uploaded")
                    break
                next_wave = time.monotonic() + SECONDS_BETWEEN_WAVES
                list(pool.map(put, waiting[start : start + WAVE_FILES]))
                self._measure_middle()
                time.sleep(max(0.0, next_wave - time.monotonic()))

    def _wait(self) -> None:
        while time.monotonic() < self.until and any(not upload.ends for upload in self.sent):
            self._measure_middle()
            time.sleep(1)
        time.sleep(5)  # a second terminal event would arrive now

    @property
    def sent(self) -> list[Upload]:
        return [upload for upload in self.uploads.values() if upload.uploaded]

    def _listen(self, subscriber: Subscriber) -> None:
        while not self._finished.is_set():
            try:
                for event in subscriber.receive():
                    self.uploads[event["detail"]["media"]["key"]].events.append(event)
            except Exception as error:  # noqa: BLE001 - a slow response of the local AWS must not end the run
                self._receive_errors.append(f"{type(error).__name__}: {error}")

    def _measure_middle(self) -> None:
        if "middle" not in self.memory and sum(bool(upload.ends) for upload in self.sent) >= len(self.uploads) / 2:
            self._measure_memory("middle")

    def _measure_memory(self, moment: str) -> None:
        self.memory[moment] = memory_of(self.folder)

    # report

    def wrong_transcripts(self) -> list[str]:
        s3, bucket = self.info.client("s3"), self.info.outputs["ResultsBucketName"]

        def wrong(upload: Upload) -> bool:
            files = upload.ends[0]["detail"]["result"]["files"]
            text = s3.get_object(Bucket=bucket, Key=files["text"])["Body"].read().decode()
            return bool(text != (f"{upload.text}\n" if "text" in upload.answers[-1] else ""))

        finished = [upload for upload in self.sent if upload.ends and upload.ends[0]["detail"]["result"]]
        with ThreadPoolExecutor(8) as pool:
            return [
                upload.key for upload, is_wrong in zip(finished, pool.map(wrong, finished), strict=True) if is_wrong
            ]

    def count_submissions(self, recorded: Sequence[Json]) -> None:
        for request in recorded:
            if request["operation"] != "submit" or not request["task_id"]:
                continue
            for url in request["body"]["input"]["file_urls"]:
                upload = self.uploads["soak/" + decode_path(url).rpartition("/soak/")[2]]
                upload.accepted += 1
                upload.lost_responses += request["status"] == 0

    def report(self, seconds: float, played: Mapping[str, Sequence[Json]]) -> int:
        """Print the figures; returns the number of violated rules."""
        control = httpx.get(f"{self.info.dashscope_base_url}/control", timeout=60).raise_for_status().json()
        recorded: list[Json] = control["recorded"]
        self.count_submissions(recorded)
        sent = self.sent
        ends = [upload.ends[0] for upload in sent if upload.ends]
        failed = Counter(event["detail"]["error"]["code"] for event in ends if event["detail"]["error"])
        requests = Counter(request["operation"] for request in recorded)
        throttled = Counter(request["operation"] for request in recorded if request["status"] == 429)
        timed = [event for event in ends if event["detail"]["timing"]["completed_at"]]
        lags = [
            _lag(event) for event in sorted(timed, key=lambda event: str(event["detail"]["timing"]["published_at"]))
        ]
        wrong = self.wrong_transcripts()

        print(f"files            {len(sent)} uploaded, the run took {seconds:.0f} s")
        print(f"succeeded        {len(ends) - failed.total()}")
        print(f"failed           {failed.total()} {dict(failed)}")
        print(f"without an event {len(sent) - len(ends)}")
        print(f"wrong texts      {len(wrong)} {wrong[:5]}")
        print(
            f"submissions      {sum(upload.accepted for upload in sent) / max(1, len(sent)):.3f} accepted a file; "
            f"files by their number {dict(sorted(Counter(upload.accepted for upload in sent).items()))}"
        )
        lost = [upload for upload in sent if upload.lost_responses]
        again = sum(upload.accepted > len(upload.answers) for upload in lost)
        print(f"lost responses   {len(lost)} files; {again} of them were submitted once more because of it")
        for operation, faults in played.items():
            whole = len(sent) if operation == "file" else requests[operation]
            share = f"{len(faults) / max(1, whole):.1%} of {whole} {'files' if operation == 'file' else 'requests'}"
            print(f"{f'{operation} faults':<17}{len(faults)}, {share}")
        ours = sum(fault.get("status") == 429 for faults in played.values() for fault in faults)
        print(f"429              {throttled.total()} {dict(throttled)}; {ours} were drawn as faults")
        for name, some in (("all", lags), ("2nd half", lags[len(lags) // 2 :])):  # the functions start in the first
            if len(some) > 1:
                p95 = statistics.quantiles(some, n=20)[-1]
                print(
                    f"lag, {name:<12}median {statistics.median(some):.1f} s, 95th percentile {p95:.1f} s to the event"
                )
        for moment, sizes in self.memory.items():
            print(f"memory, {moment:<9}" + ", ".join(f"{name} {size:.0f} MB" for name, size in sizes.items()))
        if self._receive_errors:
            print(f"the subscriber had {len(self._receive_errors)} errors, such as {self._receive_errors[0]}")

        bad = [f"{upload.key}: {fault}" for upload in sent for fault in upload.violations()]
        bad += [f"{key}: a wrong transcript" for key in wrong]
        for line in bad[:20]:
            print(f"VIOLATION  {line}")
        print("no rule is violated" if not bad else f"{len(bad)} violations")
        return len(bad)


def _lag(event: Json) -> float:
    timing = event["detail"]["timing"]
    completed, published = (datetime.fromisoformat(timing[name]) for name in ("completed_at", "published_at"))
    return (published - completed).total_seconds()


def memory_of(folder: Path) -> dict[str, float]:
    """Megabytes of memory of each server of a stack, and of its children (functions, recognisers)."""
    listed = subprocess.run(["ps", "-axo", "pid=,pgid=,rss="], capture_output=True, text=True, check=True).stdout
    running = [(int(own), int(group), int(rss)) for own, group, rss in map(str.split, listed.splitlines())]
    found: dict[str, float] = {}
    for name, server in json.loads((folder / "processes.json").read_text()).items():
        pid = server["pid"]
        found[name] = sum(rss for own, _, rss in running if own == pid) / 1024
        found[f"{name}'s children"] = sum(rss for own, group, rss in running if group == pid != own) / 1024
    return found


def draw(count: int, seed: int) -> tuple[list[Upload], dict[str, list[Json]]]:
    """The files of a run and the faults of each operation. The seed alone determines both."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not a secret
    uploads: list[Upload] = []
    faults: dict[str, list[Json]] = {"file": [], "submit": [], "query": [], "result": []}
    operations = (
        ("submit", SUBMIT_FAULTS, FAULT_RATE / TYPICAL_TASK_FILES),
        ("query", QUERY_FAULTS, FAULT_RATE / TYPICAL_TASK_FILES),
        ("result", RESULT_FAULTS, FAULT_RATE),
    )
    for number in range(count):
        own = dict(chance.choice(FILE_FAULTS)) if chance.random() < FAULT_RATE else None
        upload = Upload(f"soak/{number:06}.wav", f"this is recording {number}", own)
        uploads.append(upload)
        if own is not None:
            faults["file"].append(own)
        for operation, kinds, rate in operations:
            if chance.random() < rate:
                faults[operation].append({"operation": operation, "match": f"/{upload.key}", **chance.choice(kinds)})
    return uploads, faults


def run(count: int, minutes: float, seed: int) -> int:
    uploads, faults = draw(count, seed)
    stack = Stack(folder=LOCAL / "soak", parameters={"MaxFilesPerTask": str(FILES_PER_TASK)})
    with stack as info:
        asked = {
            "scripts": [{"match": f"/{upload.key}", "answers": upload.answers} for upload in uploads],
            "faults": [fault for operation in ("submit", "query", "result") for fault in faults[operation]],
        }
        httpx.post(f"{info.dashscope_base_url}/control", json=asked, timeout=60).raise_for_status()
        print(f"{count} files, {minutes:g} minutes at most, seed {seed}")
        soak = Soak(info, stack.folder, uploads, minutes)
        started = time.monotonic()
        soak.run()
        return 1 if soak.report(time.monotonic() - started, faults) else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local.soak", description=__doc__)
    parser.add_argument("--files", type=int, default=2000, help="number of files (%(default)s)")
    parser.add_argument("--minutes", type=float, default=15, help="maximum duration (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="determines the faults (%(default)s)")
    arguments = parser.parse_args()
    try:
        return run(arguments.files, arguments.minutes, arguments.seed)
    except StackError as error:
        print(f"dashscribe: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
