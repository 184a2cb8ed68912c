"""Whatever happens to the process, the caller gets AWS's error and the next call a working function."""

import json
import os
import re
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

MISBEHAVE = """
import os, signal, sys, time

def handler(event, context):
    print("before", flush=True)
    exec(event.get("do", ""))
    return os.getpid()
"""
PID = "def handler(event, context): import os; return os.getpid()"


def misbehave(function: Any, do: str) -> tuple[str, dict[str, Any]]:
    """Return the request id and the error."""
    answer = function.invoke(json.dumps({"do": do}))
    assert answer["FunctionError"] == "Unhandled", answer["Text"]
    return answer["ResponseMetadata"]["RequestId"], json.loads(answer["Text"])


def test_an_exception_is_the_error_and_the_process_continues(deploy: Any) -> None:
    function = deploy.function(MISBEHAVE)
    pid = json.loads(function.invoke()["Text"])
    request_id, error = misbehave(function, "raise ValueError('wrong')")
    assert error["errorType"] == "ValueError"
    assert error["errorMessage"] == "wrong"
    assert error["requestId"] == request_id
    assert error["stackTrace"]
    assert json.loads(function.invoke()["Text"]) == pid


def test_a_late_handler_is_killed_with_aws_message(deploy: Any) -> None:
    function = deploy.function(MISBEHAVE, Timeout=1)
    request_id, error = misbehave(function, "time.sleep(60)")
    assert error["errorType"] == "Sandbox.Timedout"
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(f"{moment} {request_id} Task timed out after 1.00 seconds", error["errorMessage"])
    messages = function.finished_messages()
    assert messages[-5:-3] == [f"START RequestId: {request_id} Version: $LATEST", "before"]
    assert messages[-3] == error["errorMessage"]
    assert messages[-2] == f"END RequestId: {request_id}"
    assert "\tDuration: 1000.00 ms\tBilled Duration: 1000 ms\t" in messages[-1]
    assert "\tStatus: timeout\t" in messages[-1]


def test_a_timeout_ends_the_processes_that_the_handler_started(deploy: Any, tmp_path: Path, ends: Any) -> None:
    function = deploy.function(
        """
        import pathlib, subprocess, time

        def handler(event, context):
            child = subprocess.Popen(["sleep", "600"])
            pathlib.Path(event["pid"]).write_text(str(child.pid))
            time.sleep(60)
        """,
        Timeout=1,
    )
    function.invoke(json.dumps({"pid": str(tmp_path / "pid")}))
    ends(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize(
    ("do", "reason"),
    [
        ("os._exit(3)", "Runtime exited with error: exit status 3"),
        ("os._exit(0)", "Runtime exited without providing a reason"),
        ("sys.exit(4)", "Runtime exited with error: exit status 4"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "Runtime exited with error: signal: killed"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_a_process_that_ends_is_an_exit_error_and_is_replaced(deploy: Any, do: str, reason: str) -> None:
    function = deploy.function(MISBEHAVE)
    request_id, error = misbehave(function, do)
    message = f"RequestId: {request_id} Error: {reason}"
    assert error == {"errorType": "Runtime.ExitError", "errorMessage": message}
    messages = function.finished_messages()
    assert messages[-4:-1] == ["before", f"{message}\nRuntime.ExitError", f"END RequestId: {request_id}"]
    assert "\tStatus: error\tError Type: Runtime.ExitError\t" in messages[-1]
    assert "FunctionError" not in function.invoke()


def test_too_much_memory_ends_the_process(deploy: Any) -> None:
    function = deploy.function(MISBEHAVE, MemorySize=128)
    request_id, error = misbehave(function, "x = b'x' * (300 << 20); time.sleep(60)")
    assert error["errorType"] == "Runtime.OutOfMemory"
    assert error["errorMessage"] == f"RequestId: {request_id} Error: Runtime exited with error: signal: killed"
    report = function.finished_messages()[-1]
    assert int(re.search(r"Max Memory Used: (\d+) MB", report)[1]) > 128  # type: ignore[index]
    assert "FunctionError" not in function.invoke()


def test_the_report_states_the_most_memory_used(deploy: Any) -> None:
    function = deploy.function(MISBEHAVE, MemorySize=512)
    function.invoke(json.dumps({"do": "x = b'x' * (200 << 20)"}))
    used = int(re.search(r"Max Memory Used: (\d+) MB", function.finished_messages()[-1])[1])  # type: ignore[index]
    assert 200 <= used < 300


@pytest.mark.parametrize(
    ("files", "error_type", "message"),
    [
        ({"app.py": "import nowhere"}, "Runtime.ImportModuleError", "No module named 'nowhere'"),
        ({"app.py": "x = 1"}, "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ({"app.py": "def handler(:"}, "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
        ({"app.py": "raise KeyError('setting')"}, "KeyError", "setting"),
    ],
)
def test_code_that_cannot_be_loaded_is_named(deploy: Any, files: dict[str, str], error_type: str, message: str) -> None:
    function = deploy.function(files)
    answer = function.invoke(LogType="Tail")
    error = json.loads(answer["Text"])
    assert answer["FunctionError"] == "Unhandled"
    assert error["errorType"] == error_type
    assert message in error["errorMessage"]
    assert error["requestId"] == answer["ResponseMetadata"]["RequestId"]
    assert any(error_type in text and message in text for text in function.finished_messages())


def test_a_process_that_ends_while_loading_is_an_exit_error(deploy: Any) -> None:
    function = deploy.function("import os; os._exit(7)")
    error = json.loads(function.invoke()["Text"])
    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith("Runtime exited with error: exit status 7")


def test_a_process_killed_while_loading_is_started_again(deploy: Any, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    function = deploy.function(
        f"""
        import os, pathlib, signal
        mark = pathlib.Path({str(mark)!r})
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)

        def handler(event, context):
            return "loaded"
        """
    )
    assert json.loads(function.invoke()["Text"]) == "loaded"


def test_a_repaired_function_works(deploy: Any) -> None:
    function = deploy.function("import nowhere")
    assert function.invoke()["FunctionError"] == "Unhandled"
    function.update("def handler(event, context): return 'repaired'")
    assert json.loads(function.invoke()["Text"]) == "repaired"


def test_a_process_killed_while_idle_is_replaced_without_an_error(deploy: Any, ends: Any) -> None:
    function = deploy.function(PID)
    first = json.loads(function.invoke()["Text"])
    os.kill(first, signal.SIGKILL)
    ends(first)
    assert json.loads(function.invoke()["Text"]) != first


def test_a_process_killed_while_busy_answers_long_before_its_timeout(deploy: Any, tmp_path: Path, polled: Any) -> None:
    function = deploy.function(MISBEHAVE, Timeout=300)
    mark = tmp_path / "pid"
    do = f"open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(290)"
    errors: list[dict[str, Any]] = []
    caller = threading.Thread(target=lambda: errors.append(misbehave(function, do)[1]))
    began = time.monotonic()
    caller.start()
    polled(lambda: mark.exists() and mark.read_text())
    os.kill(int(mark.read_text()), signal.SIGKILL)
    caller.join(60)
    assert errors[0]["errorMessage"].endswith("Runtime exited with error: signal: killed")
    assert time.monotonic() - began < 290
    assert "FunctionError" not in function.invoke()


def test_an_answer_larger_than_lambda_allows_is_refused(deploy: Any) -> None:
    function = deploy.function("def handler(event, context): return 'x' * event")
    assert len(function.invoke(str(5 << 20))["Text"]) == (5 << 20) + 2
    answer = function.invoke(str(7 << 20))
    assert json.loads(answer["Text"])["errorType"] == "Function.ResponseSizeTooLarge"


def test_a_killed_queue_consumer_gets_its_message_again(deploy: Any, tmp_path: Path, polled: Any) -> None:
    function = deploy.function(
        f"""
        import os, pathlib, signal

        def handler(event, context):
            folder = pathlib.Path({str(tmp_path)!r})
            attempts = len(list(folder.iterdir()))
            (folder / str(attempts)).write_text(event["Records"][0]["body"])
            if attempts == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        """,
        Timeout=2,
    )
    sqs = deploy.localstack.client("sqs")
    url = sqs.create_queue(QueueName=function.name, Attributes={"VisibilityTimeout": "2"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    mapping = deploy.awslambda.create_event_source_mapping(EventSourceArn=arn, FunctionName=function.name)
    sqs.send_message(QueueUrl=url, MessageBody="work")
    polled((tmp_path / "1").exists)
    deploy.awslambda.delete_event_source_mapping(UUID=mapping["UUID"])
    assert [p.read_text() for p in sorted(tmp_path.iterdir())] == ["work", "work"]
