"""The environment a function gets and the words of its platform's errors and reports."""

import json
import signal
from pathlib import Path

import pytest

from vigie_localstack.executor.outcome import Report, answered, exited, failed_to_start, timed_out
from vigie_localstack.executor.variables import Places, function_variables

PLACES = Places(
    task=Path("/task"),
    python_path=(Path("/opt/site"), Path("/opt/python")),
    opt_bin=Path("/opt/bin"),
    temporary=Path("/private"),
    runtime_bin=Path("/runtime/bin"),
)


def test_internal_variables_of_localstack_are_left_out() -> None:
    given = {"AWS_REGION": "us-east-1", "LOCALSTACK_RUNTIME_ID": "x", "EDGE_PORT": "1", "OTHER": "y"}
    variables = function_variables(given, {}, PLACES, "python3.13")
    assert variables["AWS_REGION"] == "us-east-1"
    assert not {"LOCALSTACK_RUNTIME_ID", "EDGE_PORT", "OTHER"} & set(variables)


def test_own_variables_win_except_where_aws_decides() -> None:
    own = {"TZ": "Europe/Paris", "LANG": "fr_FR.UTF-8", "LAMBDA_TASK_ROOT": "/elsewhere", "A": "b"}
    variables = function_variables({"TZ": ":UTC"} | own, own, PLACES, "python3.13")
    assert variables["TZ"] == "Europe/Paris"
    assert variables["LANG"] == "fr_FR.UTF-8"
    assert variables["A"] == "b"
    assert variables["LAMBDA_TASK_ROOT"] == "/task"


def test_code_comes_before_layers_before_the_functions_own_path() -> None:
    own = {"PYTHONPATH": "/extra"}
    variables = function_variables(own, own, PLACES, "python3.13")
    assert variables["PYTHONPATH"] == "/task:/opt/site:/opt/python:/extra"


def test_numbers_become_text() -> None:
    variables = function_variables({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": 128}, {}, PLACES, "python3.13")
    assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "128"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (0, "Runtime exited without providing a reason"),
        (2, "Runtime exited with error: exit status 2"),
        (-signal.SIGKILL, "Runtime exited with error: signal: killed"),
        (-signal.SIGABRT, "Runtime exited with error: signal: aborted"),
        (-64, "Runtime exited with error: signal: signal 64"),
    ],
)
def test_an_exit_is_reported_as_aws_does(status: int, reason: str) -> None:
    outcome = exited("id", status, out_of_memory=False)
    assert json.loads(outcome.payload)["errorMessage"] == f"RequestId: id Error: {reason}"


def test_a_failed_start_carries_the_request() -> None:
    outcome = failed_to_start(b'{"errorType": "Runtime.ImportModuleError", "requestId": ""}', "id")
    assert json.loads(outcome.payload) == {"errorType": "Runtime.ImportModuleError", "requestId": "id"}
    assert outcome.error_type == "Runtime.ImportModuleError"


def test_the_report_has_aws_shape() -> None:
    report = Report("id", 0.00123, 512, 60 * 2**20 + 1, 0.25)
    expected = (
        "REPORT RequestId: id\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 512 MB"
        "\tMax Memory Used: 61 MB\tInit Duration: 250.00 ms\t"
    )
    assert report.line(answered(b"null")) == expected
    late = Report("id", 3, 512, 0, None).line(timed_out("id", 3))
    assert late.endswith("\tBilled Duration: 3000 ms\tMemory Size: 512 MB\tMax Memory Used: 0 MB\tStatus: timeout\t")
