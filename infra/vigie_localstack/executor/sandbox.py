"""One execution environment: a process that is started, invoked, timed, and replaced when it ends."""

import asyncio
import shutil
import time
from asyncio import FIRST_COMPLETED
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vigie_localstack.executor.function_process import FunctionProcess
from vigie_localstack.executor.log_stream import LogStream
from vigie_localstack.executor.outcome import Outcome, Report, exited, failed_to_start, timed_out
from vigie_localstack.executor.runtime_api import Invocation, RuntimeApi
from vigie_localstack.executor.variables import Places

# AWS's limit for an initialisation outside an invocation. Slower ones go on within the first invocation.
INIT_SECONDS = 10.0
# How often the memory of a busy process is looked at.
_SAMPLE_SECONDS = 0.1


@dataclass(frozen=True)
class FunctionSettings:
    """What the sandbox must know of a function version. `timeout` in seconds."""

    handler: str
    version: str
    runtime: str
    timeout: float
    memory_size_mb: int


@dataclass(frozen=True)
class Call:
    """A call as LocalStack hands it over."""

    request_id: str
    function_arn: str
    payload: bytes
    trace_id: str


@dataclass(frozen=True)
class Answer:
    """What goes back to LocalStack: the outcome and the last 4 KiB of log."""

    outcome: Outcome
    log_tail: str


@dataclass
class _Running:
    process: FunctionProcess
    api: RuntimeApi


class Sandbox:
    """Lives on the executor's loop. Like AWS's, it keeps its folder and log stream when its process ends."""

    def __init__(
        self,
        settings: FunctionSettings,
        python: Path,
        places: Places,
        variables: Mapping[str, str],
        logs: LogStream,
        on_end: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._python = python
        self._places = places
        self._variables = variables
        self._logs = logs
        self._on_end = on_end
        self._running: _Running | None = None
        self._init_duration: float | None = None
        self._busy = False
        self._retiring = False
        self._ended = False

    async def start(self) -> None:
        """Start the process and wait until it can be invoked, has failed, or AWS would wait no longer."""
        running = await self._launch()
        ready = asyncio.ensure_future(running.api.ready.wait())
        await self._watch(running, ready, time.monotonic() + INIT_SECONDS)
        if ready.cancel():
            return
        self._init_duration = time.monotonic() - running.process.started_at

    async def invoke(self, call: Call) -> Answer:
        """Run the handler once. Whatever happens to the process is an outcome, never an exception."""
        self._busy = True
        began = time.monotonic()
        self._logs.begin_tail()
        self._logs.say(f"START RequestId: {call.request_id} Version: {self._settings.version}")
        try:
            running = await self._launch_if_ended()
            outcome = await self._run(running, call, began + self._settings.timeout)
            running.process.sample_memory()
            self._say_end(call.request_id, outcome, time.monotonic() - began, running.process.memory_used)
            return Answer(outcome, self._logs.tail())
        finally:
            self._busy = False
            if self._retiring:
                await self._end()

    async def retire(self, now: bool) -> None:
        """End for good: at once when idle or `now`, else after the invocation that is running."""
        self._retiring = True
        if now or not self._busy:
            await self._end()

    async def _launch_if_ended(self) -> _Running:
        if self._running is not None and self._running.process.is_running:
            return self._running
        self._init_duration = None
        return await self._launch()

    async def _launch(self) -> _Running:
        self._let_go()
        self._places.temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._logs.say(f"INIT_START Runtime Version: {self._settings.runtime.replace('python', 'python:')}")
        api = RuntimeApi()
        address = await api.start()
        variables = {**self._variables, "AWS_LAMBDA_RUNTIME_API": address}
        try:
            process, output = FunctionProcess.start(self._python, self._settings.handler, variables, self._places.task)
        except OSError:
            api.close()
            raise
        self._logs.follow(output)
        self._running = _Running(process, api)
        return self._running

    async def _run(self, running: _Running, call: Call, until: float) -> Outcome:
        process, api = running.process, running.api
        deadline = int((time.time() + until - time.monotonic()) * 1000)
        answer = api.offer(Invocation(call.request_id, call.function_arn, call.payload, call.trace_id, deadline))
        out_of_memory = await self._watch(running, answer, until)
        if answer.done():
            return answer.result()
        late = process.is_running and not out_of_memory
        process.kill()
        status = await process.ended
        if late:
            return timed_out(call.request_id, self._settings.timeout)
        if api.init_error is not None:
            return failed_to_start(api.init_error, call.request_id)
        return exited(call.request_id, status, out_of_memory)

    async def _watch[T](self, running: _Running, awaited: asyncio.Future[T], until: float) -> bool:
        """Wait for `awaited`, the process's end, or the moment `until`; True when it used too much memory."""
        process = running.process
        limit = self._settings.memory_size_mb * 2**20
        while (left := until - time.monotonic()) > 0:
            either: set[asyncio.Future[Any]] = {awaited, process.ended}
            await asyncio.wait(either, timeout=min(left, _SAMPLE_SECONDS), return_when=FIRST_COMPLETED)
            if awaited.done() or not process.is_running:
                return False
            if process.sample_memory() > limit:
                return True
        return False

    def _say_end(self, request_id: str, outcome: Outcome, duration: float, memory_used: int) -> None:
        if outcome.log_line:
            self._logs.say(outcome.log_line)
        self._logs.say(f"END RequestId: {request_id}")
        settings = self._settings
        if outcome.status == "timeout":
            duration = settings.timeout
        report = Report(request_id, duration, settings.memory_size_mb, memory_used, self._init_duration)
        self._logs.say(report.line(outcome))
        self._init_duration = None

    def _let_go(self) -> None:
        if self._running is not None:
            self._running.api.close()
            self._running = None
        self._logs.close()

    async def _end(self) -> None:
        running = self._running
        if running is not None:
            running.process.kill()
            await running.process.ended
        self._let_go()
        if not self._ended:
            self._ended = True
            await asyncio.to_thread(self._clean_up)

    def _clean_up(self) -> None:
        shutil.rmtree(self._places.temporary, ignore_errors=True)
        self._on_end()
