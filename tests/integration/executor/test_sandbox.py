"""One environment without LocalStack around it, for what cannot be brought about through LocalStack."""

import asyncio
import json
import textwrap
import threading
import venv
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from vigie_localstack.executor import sandbox as sandbox_module
from vigie_localstack.executor.log_delivery import LogDelivery, StreamName
from vigie_localstack.executor.log_stream import LogStream
from vigie_localstack.executor.sandbox import Answer, Call, FunctionSettings, Sandbox
from vigie_localstack.executor.variables import Places, function_variables


@dataclass
class RememberingLogs:
    """A CloudWatch Logs client that keeps what it is sent."""

    messages: list[str] = field(default_factory=list)

    def put_log_events(self, **request: Any) -> None:
        self.messages += [event["message"].removesuffix("\n") for event in request["logEvents"]]

    def create_log_group(self, **request: Any) -> None: ...
    def create_log_stream(self, **request: Any) -> None: ...


@dataclass
class Bench:
    """A function in a folder and the logs it leaves."""

    folder: Path
    python: Path
    logs: RememberingLogs = field(default_factory=RememberingLogs)
    ended: list[bool] = field(default_factory=list)

    def run[T](self, source: str, use: Callable[[Sandbox], Awaitable[T]], timeout: float = 10) -> T:
        """Build a sandbox around `source`, use it, and retire it."""
        (self.folder / "task").mkdir()
        (self.folder / "task" / "app.py").write_text(textwrap.dedent(source))
        places = Places(self.folder / "task", (), self.folder, self.folder / "temporary", self.python.parent)
        delivery = LogDelivery(lambda account, region: self.logs)

        async def session() -> T:
            sandbox = Sandbox(
                FunctionSettings("app.handler", "$LATEST", "python3.13", timeout, 256),
                self.python,
                places,
                function_variables({}, {}, places, "python3.13"),
                LogStream(StreamName("0", "us-east-1", "group", "stream"), delivery),
                lambda: self.ended.append(True),
            )
            try:
                return await use(sandbox)
            finally:
                await sandbox.retire(now=True)

        try:
            return asyncio.run(session())
        finally:
            delivery.deliver_waiting()


def call(payload: Any = None) -> Call:
    return Call("id-1", "arn:aws:lambda:us-east-1:0:function:f", json.dumps(payload).encode(), "Root=1")


async def invoke_once(sandbox: Sandbox) -> Answer:
    await sandbox.start()
    return await sandbox.invoke(call())


@pytest.fixture
def bench(tmp_path: Path, runtime_python: Path) -> Bench:
    return Bench(tmp_path, runtime_python)


@pytest.fixture
def python_without_native_client(tmp_path: Path, runtime_python: Path) -> Path:
    """The runtime as it is installed where awslambdaric compiles nothing, as on macOS."""
    venv.create(tmp_path / "runtime", symlinks=True, with_pip=False)
    (packages,) = (tmp_path / "runtime" / "lib").glob("python*/site-packages")
    (complete,) = (runtime_python.parents[1] / "lib").glob("python*/site-packages")
    for package in complete.iterdir():
        if not package.name.startswith("runtime_client."):
            (packages / package.name).symlink_to(package)
    return tmp_path / "runtime" / "bin" / "python"


def test_a_slow_start_continues_within_the_first_invocation(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_module, "INIT_SECONDS", 0.01)
    source = """
    import time; time.sleep(0.5)
    def handler(event, context): return "at last"
    """
    answer = bench.run(source, invoke_once)
    assert (answer.outcome.payload, answer.outcome.is_error) == (b'"at last"', False)
    assert sum(text.startswith("INIT_START") for text in bench.logs.messages) == 1


def test_a_start_slower_than_the_timeout_times_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_module, "INIT_SECONDS", 0.01)
    answer = bench.run("import time; time.sleep(60)", invoke_once, timeout=0.3)
    assert json.loads(answer.outcome.payload)["errorType"] == "Sandbox.Timedout"


def test_ending_removes_the_temporary_folder_and_reports_once(bench: Bench) -> None:
    async def retire_twice(sandbox: Sandbox) -> bool:
        await sandbox.start()
        there = (bench.folder / "temporary").is_dir()
        await sandbox.retire(now=False)
        return there

    assert bench.run("def handler(event, context): pass", retire_twice)
    assert not (bench.folder / "temporary").exists()
    assert bench.ended == [True]


def test_a_process_leaves_no_thread_behind(bench: Bench) -> None:
    async def kill_and_use_again(sandbox: Sandbox) -> None:
        await sandbox.start()
        await sandbox.invoke(call())
        await sandbox.invoke(call())

    bench.run("import os\ndef handler(event, context): os._exit(1)", kill_and_use_again)
    for thread in threading.enumerate():
        if thread.name.startswith("function-"):
            thread.join(10)
            assert not thread.is_alive()


def test_a_retired_environment_ends_after_its_invocation(bench: Bench) -> None:
    go = bench.folder / "go"
    source = f"""
    import os, time
    def handler(event, context):
        while not os.path.exists({str(go)!r}):
            time.sleep(0.01)
        return "done"
    """

    async def retire_while_busy(sandbox: Sandbox) -> Answer:
        await sandbox.start()
        running = asyncio.create_task(sandbox.invoke(call()))
        await asyncio.sleep(0)
        await sandbox.retire(now=False)
        assert not bench.ended
        go.touch()
        return await running

    assert bench.run(source, retire_while_busy).outcome.payload == b'"done"'
    assert bench.ended == [True]


def test_the_pure_python_client_does_what_the_native_one_does(bench: Bench, python_without_native_client: Path) -> None:
    bench.python = python_without_native_client
    source = """
    import runtime_client

    def handler(event, context):
        print("handling", event["text"])
        if event["text"] == "raise":
            raise ValueError("wrong é")
        return [runtime_client.__file__, event["text"], context.invoked_function_arn]
    """

    async def three_calls(sandbox: Sandbox) -> list[Answer]:
        await sandbox.start()
        texts = ["é🦉" * 100_000, "raise", "again"]
        return [await sandbox.invoke(call({"text": text})) for text in texts]

    first, second, third = (answer.outcome for answer in bench.run(source, three_calls))
    where, text, arn = json.loads(first.payload)
    assert "in_function/fallback" in where
    assert (text, arn) == ("é🦉" * 100_000, "arn:aws:lambda:us-east-1:0:function:f")
    assert second.is_error
    assert json.loads(second.payload)["errorMessage"] == "wrong é"
    assert json.loads(third.payload)[1] == "again"
    assert sum(text.startswith("INIT_START") for text in bench.logs.messages) == 1


def test_the_native_client_is_preferred_where_there_is_one(bench: Bench) -> None:
    source = "import runtime_client\ndef handler(event, context): return runtime_client.__file__"
    (complete,) = (bench.python.parents[1] / "lib").glob("python*/site-packages")
    if not list(complete.glob("runtime_client.*")):
        pytest.skip("awslambdaric has no native client on this system")
    assert b"fallback" not in bench.run(source, invoke_once).outcome.payload
