"""`dashscribe render` on a results bucket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from cli.__main__ import main
from dashscribe.domain.jobs.job import Job, Status
from dashscribe.domain.jobs.job_files import job_files, result_file
from dashscribe.domain.recognition.stored_results import read_result
from local.event_documents import sample_job

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RESULT = {
    "file_url": "s3://media/k",
    "transcripts": [
        {"text": "Hello there.", "sentences": [{"begin_time": 0, "end_time": 900, "text": "Hello there."}]}
    ],
}
BUCKET = "results-bucket"
PREFIX = "calls/会议 Q1 + Q2.wav/" + sample_job(Status.SUCCEEDED).job_id + "/"
ADDRESS = f"s3://{BUCKET}/{PREFIX}"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[S3Client]:
    monkeypatch.chdir(tmp_path)  # no local stack is there
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield client


@pytest.fixture
def job(s3: S3Client) -> Job:
    """A finished job whose files are stored as the finalizer stores them."""
    job = sample_job(Status.SUCCEEDED)
    transcript = read_result(RESULT, job_id=job.job_id, model="fun-asr", media=job.media.s3_uri)
    assert job.result is not None
    for file in (result_file(json.dumps(RESULT).encode(), job.result), *job_files(transcript, job)):
        s3.put_object(Bucket=BUCKET, Key=file.key, Body=bytes(file.body), ContentType=file.content_type)
    return job


@pytest.fixture
def stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """CloudFormation with the stack `mine` and another one, which is not ours."""
    stacks = {
        "mine": [{"OutputKey": "ResultsBucketName", "OutputValue": BUCKET}],
        "another": [{"OutputKey": "Other", "OutputValue": "x"}],
    }

    def describe_stacks(StackName: str) -> dict[str, Any]:  # noqa: N803  # boto3's own name
        if StackName not in stacks:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "does not exist"}}, "DescribeStacks")
        return {"Stacks": [{"Outputs": stacks[StackName]}]}

    real: Any = boto3.Session.client

    def client(session: boto3.Session, service: Any, **options: Any) -> Any:
        fake = SimpleNamespace(describe_stacks=describe_stacks)
        return fake if service == "cloudformation" else real(session, service, **options)

    monkeypatch.setattr(boto3.Session, "client", client)


def body(s3: S3Client, name: str, prefix: str = PREFIX) -> bytes:
    return s3.get_object(Bucket=BUCKET, Key=prefix + name)["Body"].read()


def versions(s3: S3Client) -> dict[str, int]:
    found: dict[str, int] = {}
    for version in s3.list_object_versions(Bucket=BUCKET)["Versions"]:
        name = version["Key"].rpartition("/")[2]
        found[name] = found.get(name, 0) + 1
    return found


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = main(["render", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_files_that_are_as_before_are_not_written_again(
    s3: S3Client, job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    code, report = run(capsys, ADDRESS)
    assert (code, report["rendered"][0]["changed"]) == (0, [])
    assert set(report["rendered"][0]["unchanged"]) == {
        "transcript.json",
        "transcript.txt",
        "transcript.srt",
        "transcript.vtt",
        "transcript.html",
    }
    assert set(versions(s3).values()) == {1}


def test_a_changed_file_gets_a_new_version_and_job_json_records_it(
    s3: S3Client, job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    s3.put_object(Bucket=BUCKET, Key=PREFIX + "transcript.srt", Body=b"of an older version")
    before = json.loads(body(s3, "job.json"))
    code, report = run(capsys, ADDRESS)
    assert code == 0
    assert report["rendered"][0]["source"] == ADDRESS
    assert report["rendered"][0]["changed"] == ["transcript.srt", "job.json"]
    assert body(s3, "transcript.srt").startswith(b"1\n00:00:00,000 --> ")
    assert versions(s3) == {
        "result.json": 1,
        "transcript.json": 1,
        "transcript.txt": 1,
        "transcript.srt": 3,
        "transcript.vtt": 1,
        "transcript.html": 1,
        "job.json": 2,
    }
    after = json.loads(body(s3, "job.json"))
    [rendering] = after.pop("renderings")
    assert (rendering["outputs"], rendering["subtitle_warnings"]) == (["txt", "srt", "vtt", "html"], {})
    assert rendering["rendered_at"].endswith("Z")
    before.pop("renderings")
    assert after == before


def test_other_outputs_are_added_and_earlier_renderings_stay_in_job_json(
    s3: S3Client, job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, ADDRESS, "--outputs", "md")
    run(capsys, ADDRESS + "result.json", "--outputs", "html,ttml")
    assert body(s3, "transcript.md").startswith(b"# ")
    head = s3.head_object(Bucket=BUCKET, Key=PREFIX + "transcript.html")
    assert head["ContentType"] == "text/html; charset=utf-8"
    renderings = json.loads(body(s3, "job.json"))["renderings"]
    assert [rendering["outputs"] for rendering in renderings] == [["md"], ["html", "ttml"]]


def test_fields_of_job_json_that_this_version_does_not_know_are_kept(
    s3: S3Client, job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    report = json.loads(body(s3, "job.json"))
    report |= {"later": {"field": 1}}
    report.pop("renderings")
    report.pop("subtitle_warnings")
    report["options"].pop("outputs")
    s3.put_object(Bucket=BUCKET, Key=PREFIX + "job.json", Body=json.dumps(report).encode())
    code, _ = run(capsys, ADDRESS, "--outputs", "md")
    assert code == 0
    assert json.loads(body(s3, "job.json"))["later"] == {"field": 1}


def test_all_jobs_under_a_prefix_are_rendered_and_a_broken_one_affects_no_other(
    s3: S3Client, job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = f"calls/broken.wav/{'0' * 32}/"
    s3.put_object(Bucket=BUCKET, Key=broken + "result.json", Body=b"[]")
    s3.put_object(Bucket=BUCKET, Key=broken + "job.json", Body=body(s3, "job.json"))
    s3.put_object(Bucket=BUCKET, Key="calls/not-a-job/result.json", Body=b"[]")
    code, report = run(capsys, f"s3://{BUCKET}/calls/", "--prefix", "--outputs", "md")
    assert code == 1
    assert [each["source"] for each in report["rendered"]] == [ADDRESS]
    assert report["failed"] == [
        {
            "source": f"s3://{BUCKET}/{broken}",
            "reason": "The file is no result of DashScope: it is JSON, but not an object.",
        }
    ]


def test_stored_results_are_rendered_into_a_folder_without_a_write_to_the_bucket(
    s3: S3Client, job: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _ = run(capsys, ADDRESS, "--out", str(tmp_path / "one"), "--outputs", "md")
    assert (code, (tmp_path / "one/transcript.md").exists()) == (0, True)
    code, _ = run(capsys, f"s3://{BUCKET}/", "--prefix", "--out", str(tmp_path / "all"), "--outputs", "md")
    assert (code, (tmp_path / "all" / PREFIX / "transcript.md").exists()) == (0, True)
    assert set(versions(s3).values()) == {1}


def test_a_key_cannot_lead_out_of_the_folder(s3: S3Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    s3.put_object(Bucket=BUCKET, Key=f"../../x.wav/{'0' * 32}/result.json", Body=json.dumps(RESULT).encode())
    code, _ = run(capsys, f"s3://{BUCKET}/", "--prefix", "--out", str(tmp_path / "all"))
    assert code == 0
    assert (tmp_path / "all/x.wav" / ("0" * 32) / "transcript.txt").exists()


def test_the_bucket_of_a_stack_and_of_the_local_stack_need_no_address(
    s3: S3Client, job: Job, stacks: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, report = run(capsys, PREFIX, "--stack", "mine", "--outputs", "md")
    assert (code, report["rendered"][0]["source"]) == (0, ADDRESS)
    local = {
        "aws_endpoint_url": "https://s3.amazonaws.com",
        "region": "us-east-1",
        "access_key_id": "testing",
        "secret_access_key": "testing",
        "outputs": {"ResultsBucketName": BUCKET},
    }
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local/stack.json").write_text(json.dumps(local))
    code, report = run(capsys, PREFIX)
    assert (code, report["rendered"][0]["source"]) == (0, ADDRESS)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([f"s3://{BUCKET}/none/"], "There is no result.json."),
        ([f"s3://{BUCKET}/none/", "--prefix"], "There are no results under"),
        ([PREFIX], "give --stack or an s3:// address"),
        ([ADDRESS, "--stack", "unknown"], "The stack cannot be read: "),
        ([ADDRESS, "--stack", "another"], "it is no dashscribe stack"),
        ([f"s3://other/{PREFIX}", "--stack", "mine"], "other is not the results bucket of the stack"),
        ([ADDRESS, "--profile", "unknown"], "The stack cannot be read: "),
    ],
)
def test_wrong_usage_is_explained_and_ends_with_exit_code_2(
    s3: S3Client, job: Job, stacks: None, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    assert main(["render", *arguments]) == 2
    assert reason in capsys.readouterr().err


def test_an_error_of_aws_is_a_failure_with_its_reason(s3: S3Client, capsys: pytest.CaptureFixture[str]) -> None:
    code, report = run(capsys, f"s3://no-such-bucket/{PREFIX}")
    assert code == 1
    assert "NoSuchBucket" in report["failed"][0]["reason"]


def test_a_result_without_job_json_is_not_rendered_in_place(s3: S3Client, capsys: pytest.CaptureFixture[str]) -> None:
    s3.put_object(Bucket=BUCKET, Key=PREFIX + "result.json", Body=json.dumps(RESULT).encode())
    assert main(["render", ADDRESS]) == 2
    assert "There is no job.json" in capsys.readouterr().err
