"""Environments start when needed and end with their version, their function or LocalStack."""

import json
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

TCP_LISTEN = "0A"
PID = "def handler(event, context): import os; return os.getpid()"
WAIT = """
import os, pathlib, time

def handler(event, context):
    pathlib.Path(event["pid"]).write_text(str(os.getpid()))
    while not os.path.exists(event["go"]):
        time.sleep(0.01)
    import late
    return late.NAME
"""


def executor_root(localstack: Any) -> Path:
    (root,) = localstack.state.rglob("process-executor")
    return Path(root)


def resources(localstack: Any) -> dict[str, int]:
    """Function folders, pipes and listening sockets of LocalStack (Linux).

    Its own connections and threads come and go with its web server and its metrics.
    """
    process = Path("/proc", str(localstack.process.pid))
    files = [os.readlink(descriptor) for descriptor in (process / "fd").iterdir() if descriptor.is_symlink()]
    connections = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = {f"socket:[{fields[9]}]" for fields in connections if fields[3] == TCP_LISTEN}
    root = executor_root(localstack)
    return {
        "environments": len(list((root / "environments").iterdir())),
        "code": len(list((root / "code" / "task").iterdir())),
        "pipes": sum(name.startswith("pipe:") for name in files),
        "listening": sum(name in listening for name in files),
    }


def test_a_warm_environment_is_used_again(deploy: Any) -> None:
    function = deploy.function(PID)
    assert len({function.invoke()["Text"] for _ in range(5)}) == 1


def test_new_code_is_used_and_the_old_environment_ends(deploy: Any, ends: Any) -> None:
    function = deploy.function(PID)
    old = json.loads(function.invoke()["Text"])
    function.update("def handler(event, context): return 'new'")
    assert json.loads(function.invoke()["Text"]) == "new"
    ends(old)


def test_a_changed_variable_is_used(deploy: Any) -> None:
    function = deploy.function("import os\ndef handler(event, context): return os.environ.get('A')")
    assert json.loads(function.invoke()["Text"]) is None
    deploy.awslambda.update_function_configuration(FunctionName=function.name, Environment={"Variables": {"A": "b"}})
    deploy.awslambda.get_waiter("function_updated_v2").wait(FunctionName=function.name)
    assert json.loads(function.invoke()["Text"]) == "b"


def test_an_invocation_that_runs_during_redeployment_finishes_on_its_own_code(
    deploy: Any, tmp_path: Path, polled: Any, ends: Any
) -> None:
    function = deploy.function({"app.py": WAIT, "late.py": "NAME = 'old'"})
    pid, go = tmp_path / "pid", tmp_path / "go"
    answers: list[str] = []
    payload = json.dumps({"pid": str(pid), "go": str(go)})
    caller = threading.Thread(target=lambda: answers.append(function.invoke(payload)["Text"]))
    caller.start()
    polled(lambda: pid.exists() and pid.read_text())
    function.update("def handler(event, context): return 'new'")
    assert json.loads(function.invoke()["Text"]) == "new"
    go.touch()
    caller.join(30)
    assert answers == ['"old"']
    ends(int(pid.read_text()))


def test_several_environments_run_at_once_and_stay(deploy: Any, tmp_path: Path) -> None:
    function = deploy.function(
        """
        import os, pathlib, time

        def handler(event, context):
            folder = pathlib.Path(event)
            (folder / str(os.getpid())).touch()
            while len(list(folder.iterdir())) < 4:
                time.sleep(0.01)
            return os.getpid()
        """
    )
    with ThreadPoolExecutor(4) as callers:
        pids = {a["Text"] for a in callers.map(function.invoke, [json.dumps(str(tmp_path))] * 4)}
    assert len(pids) == 4
    assert function.invoke(json.dumps(str(tmp_path)))["Text"] in pids


@pytest.mark.skipif(not Path("/proc").exists(), reason="counts what /proc shows")
def test_nothing_is_left_of_a_deleted_function(own_localstack: Any, polled: Any) -> None:
    deploy = own_localstack()
    localstack = deploy.localstack
    deploy.function(PID).invoke()
    before = resources(localstack)
    for _ in range(3):
        function = deploy.function(PID)
        function.invoke()
        os.kill(json.loads(function.invoke()["Text"]), signal.SIGKILL)
        function.invoke()
        deploy.awslambda.delete_function(FunctionName=function.name)
    polled(lambda: resources(localstack) == before)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_functions_end_when_localstack_does(
    own_localstack: Any, tmp_path: Path, polled: Any, ends: Any, how: signal.Signals
) -> None:
    deploy = own_localstack()
    idle = json.loads(deploy.function(PID).invoke()["Text"])
    busy, sleeping = tmp_path / "pid", deploy.function(WAIT, Timeout=600)
    payload = json.dumps({"pid": str(busy), "go": str(tmp_path / "never")})
    caller = threading.Thread(target=invoke_in_vain, args=(sleeping, payload), daemon=True)
    caller.start()
    polled(lambda: busy.exists() and busy.read_text())
    deploy.localstack.stop(how)
    ends(idle)
    ends(int(busy.read_text()))
    caller.join(60)


def invoke_in_vain(function: Any, payload: str) -> None:
    try:
        function.invoke(payload)
    except Exception:  # LocalStack goes away meanwhile, in whatever way.
        return


def test_a_missing_runtime_is_named_when_a_function_is_deployed(own_localstack: Any, polled: Any) -> None:
    deploy = own_localstack(runtime=Path("/nowhere/bin/python"))
    name = "without-runtime"
    deploy.awslambda.create_function(
        FunctionName=name,
        Role="arn:aws:iam::000000000000:role/any",
        Runtime="python3.13",
        Handler="app.handler",
        Code={"ZipFile": deploy.zip_of({"app.py": PID})},
    )

    def reason() -> str:
        found = deploy.awslambda.get_function(FunctionName=name)["Configuration"]
        return str(found.get("StateReason", "")) if found["State"] == "Failed" else ""

    assert "VIGIE_RUNTIME_PYTHON=/nowhere/bin/python is not an executable" in polled(reason)
