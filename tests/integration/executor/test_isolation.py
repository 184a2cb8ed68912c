"""What a function's process may see: its own code, layers and variables, and nothing of this machine."""

import json
import os
import threading
from pathlib import Path
from typing import Any

# A plain name would not resolve under importlib's import mode; fixtures carry everything else.
CANARY = "VIGIE_TEST_CANARY"

LOOK_AROUND = """
import importlib.util, os, pathlib, sys, tempfile

def follow(descriptor):
    try:
        return os.readlink(f"/dev/fd/{descriptor}")
    except OSError:
        return ""

def handler(event, context):
    pathlib.Path(tempfile.gettempdir(), "mark").write_text("x")
    return {
        "variables": dict(os.environ),
        "path": sys.path,
        "folder": os.getcwd(),
        "temporary": tempfile.gettempdir(),
        "home": os.path.expanduser("~"),
        "arguments": pathlib.Path("/proc/self/cmdline").read_text() if sys.platform == "linux" else "",
        "modules": [n for n in event.get("modules", []) if importlib.util.find_spec(n)],
        "files": [link for link in map(follow, os.listdir("/dev/fd")) if link.startswith("/")],
        "remaining": context.get_remaining_time_in_millis(),
        "context": [context.function_name, context.function_version, context.memory_limit_in_mb,
                    context.invoked_function_arn, context.aws_request_id, context.log_group_name,
                    context.log_stream_name],
    }
"""


def look_around(function: Any, **event: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(function.invoke(json.dumps(event))["Text"])
    return found


def test_sees_its_own_variables_and_those_of_aws_only(deploy: Any) -> None:
    function = deploy.function(LOOK_AROUND, Environment={"Variables": {"OWN": "value"}}, MemorySize=300)
    variables = look_around(function)["variables"]
    assert variables["OWN"] == "value"
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == function.name
    assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "300"
    assert variables["AWS_ENDPOINT_URL"] == function.localstack.endpoint
    assert variables["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.13"
    # LC_CTYPE is set by Python itself where the system has no en_US.UTF-8.
    allowed = {"OWN", "HOME", "LANG", "LC_CTYPE", "PATH", "PYTHONPATH", "TMPDIR", "TZ"}
    allowed |= {"LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "_HANDLER", "_X_AMZN_TRACE_ID"}
    assert {name for name in variables if not name.startswith("AWS_")} <= allowed


def test_does_not_see_the_variables_of_localstack(deploy: Any) -> None:
    seen = look_around(deploy.function(LOOK_AROUND))
    assert CANARY not in seen["variables"]
    assert os.environ["PATH"] != seen["variables"]["PATH"]
    assert seen["home"] == seen["temporary"] != os.path.expanduser("~")


def test_imports_only_its_code_and_what_the_managed_runtime_brings(deploy: Any) -> None:
    wanted = ["app", "boto3", "awslambdaric", "localstack", "vigie_local", "pytest", "groq", "psycopg2", "numpy"]
    seen = look_around(deploy.function(LOOK_AROUND), modules=wanted)
    assert seen["modules"] == ["app", "boto3", "awslambdaric"]


def test_runs_in_its_code_folder_which_is_first_on_the_path(deploy: Any) -> None:
    seen = look_around(deploy.function(LOOK_AROUND))
    assert seen["folder"] == seen["path"][0] == seen["variables"]["LAMBDA_TASK_ROOT"]


def test_arguments_and_inherited_files_tell_nothing(deploy: Any) -> None:
    secret = "s3cr3t-value"
    seen = look_around(deploy.function(LOOK_AROUND, Environment={"Variables": {"SECRET": secret}}))
    assert secret not in seen["arguments"]
    assert seen["variables"]["AWS_SECRET_ACCESS_KEY"] not in seen["arguments"]
    assert set(seen["files"]) <= {"/dev/null", "/dev/urandom"}


def test_context_describes_the_invocation(deploy: Any) -> None:
    function = deploy.function(LOOK_AROUND, Timeout=9, MemorySize=300)
    answer = function.invoke()
    seen = json.loads(answer["Text"])
    assert seen["context"] == [
        function.name,
        "$LATEST",
        "300",
        f"arn:aws:lambda:us-east-1:000000000000:function:{function.name}",
        answer["ResponseMetadata"]["RequestId"],
        function.log_group,
        seen["variables"]["AWS_LAMBDA_LOG_STREAM_NAME"],
    ]
    assert 0 < seen["remaining"] <= 9000


def test_environments_of_one_function_have_their_own_temporary_folder(deploy: Any, tmp_path: Path) -> None:
    function = deploy.function(
        """
        import os, pathlib, tempfile, time

        def handler(event, context):
            mine = pathlib.Path(tempfile.gettempdir())
            empty = not list(mine.iterdir())
            (mine / "mark").write_text("x")
            folder = pathlib.Path(event["folder"])
            (folder / event["name"]).touch()
            while len(list(folder.iterdir())) < 3:
                time.sleep(0.01)
            return [str(mine), empty, os.getpid()]
        """
    )
    answers: list[Any] = []

    def invoke(name: str) -> None:
        answers.append(json.loads(function.invoke(json.dumps({"folder": str(tmp_path), "name": name}))["Text"]))

    callers = [threading.Thread(target=invoke, args=(name,)) for name in "abc"]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert [empty for _, empty, _ in answers] == [True, True, True]
    assert len({folder for folder, _, _ in answers}) == 3
    assert len({pid for _, _, pid in answers}) == 3


def test_reaches_localstack_with_the_runtimes_boto3(deploy: Any) -> None:
    function = deploy.function(
        """
        import boto3

        def handler(event, context):
            sqs = boto3.client("sqs")
            url = sqs.create_queue(QueueName=context.function_name)["QueueUrl"]
            sqs.send_message(QueueUrl=url, MessageBody="hello")
            return sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"]
        """
    )
    assert json.loads(function.invoke()["Text"]) == "hello"
