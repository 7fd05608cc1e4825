"""Template parameters are checked before a deployment."""

from __future__ import annotations

import pytest

from local.parameters import parse_parameters
from local.processes import StackError


def test_parameters_are_read_as_a_shell_reads_them() -> None:
    assert parse_parameters("MaxFilesPerTask=1 AlarmEmail='me@example.com'") == {
        "MaxFilesPerTask": "1",
        "AlarmEmail": "me@example.com",
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Nope=1", "Nope is not a parameter of the template; the parameters are AlarmEmail"),
        ("MaxFilesPerTask", "write Name=value"),
        ("MaxFilesPerTask='1", "cannot be read"),
        ("MaxFilesPerTask=0", "at least 1"),
        ("MaxFilesPerTask=101", "at most 100"),
        ("MaxFilesPerTask=many", "must be a number"),
        ("Architecture=riscv", "allowed are arm64, x86_64"),
        ("DashScopeBaseUrl=https://dashscope-intl.aliyuncs.com/api/v1", "a host without a path"),
        ("DefaultModel=whisper", "not in the catalogue; its models are fun-asr"),
        ("DefaultModel=paraformer-v2", "available in beijing only; DashScopeBaseUrl is the international endpoint"),
    ],
)
def test_a_parameter_that_cannot_work_is_refused(text: str, says: str) -> None:
    with pytest.raises(StackError) as refused:
        parse_parameters(text)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("text", "base_url"),
    [
        ("DefaultModel=paraformer-v2 DashScopeBaseUrl=https://dashscope.aliyuncs.com", ""),
        ("DefaultModel=paraformer-v2", "http://127.0.0.1:8080"),
    ],
)
def test_a_model_of_the_endpoint_s_region_is_accepted(text: str, base_url: str) -> None:
    assert parse_parameters(text, base_url)["DefaultModel"] == "paraformer-v2"
