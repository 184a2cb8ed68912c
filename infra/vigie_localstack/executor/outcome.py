"""How an invocation ended, in the words AWS uses for answers and for platform log lines."""

import json
import math
import signal
from dataclasses import dataclass
from datetime import UTC, datetime

# Go's names, which AWS's own supervisor prints.
_SIGNAL_NAMES = {
    signal.SIGABRT: "aborted",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGHUP: "hangup",
    signal.SIGILL: "illegal instruction",
    signal.SIGINT: "interrupt",
    signal.SIGKILL: "killed",
    signal.SIGQUIT: "quit",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGTERM: "terminated",
}


@dataclass(frozen=True)
class Outcome:
    """What the caller gets (`payload`, JSON) and what the log says about it.

    `status` is REPORT's (`timeout`, `error` or empty), `log_line` the platform's own explanation, if any.
    """

    payload: bytes
    is_error: bool
    status: str = ""
    error_type: str = ""
    log_line: str = ""


def answered(payload: bytes) -> Outcome:
    """When the handler returned."""
    return Outcome(payload, is_error=False)


def raised(payload: bytes) -> Outcome:
    """When the runtime reported the handler's exception; it has logged the traceback itself."""
    return Outcome(payload, is_error=True)


def failed_to_start(payload: bytes, request_id: str) -> Outcome:
    """When the runtime reported that it could not load the handler."""
    error = json.loads(payload or b"{}") | {"requestId": request_id}
    error_type = str(error.get("errorType", "Runtime.Unknown"))
    return Outcome(json.dumps(error).encode(), True, status="error", error_type=error_type)


def timed_out(request_id: str, timeout_seconds: float) -> Outcome:
    """When the handler did not answer within the function's timeout."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    message = f"{moment} {request_id} Task timed out after {timeout_seconds:.2f} seconds"
    payload = {"errorType": "Sandbox.Timedout", "errorMessage": message}
    return Outcome(json.dumps(payload).encode(), True, status="timeout", log_line=message)


def exited(request_id: str, status: int, out_of_memory: bool) -> Outcome:
    """When the process ended instead of answering. `status` as in `Popen.returncode`."""
    error_type = "Runtime.OutOfMemory" if out_of_memory else "Runtime.ExitError"
    message = f"RequestId: {request_id} Error: {_reason(status)}"
    payload = {"errorType": error_type, "errorMessage": message}
    return Outcome(json.dumps(payload).encode(), True, "error", error_type, f"{message}\n{error_type}")


def too_large(size: int, limit: int) -> Outcome:
    """When the answer is larger than Lambda accepts. Sizes in bytes."""
    message = f"Response payload size ({size} bytes) exceeded maximum allowed payload size ({limit} bytes)."
    payload = {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message}
    return Outcome(json.dumps(payload).encode(), is_error=True)


def _reason(status: int) -> str:
    if status == 0:
        return "Runtime exited without providing a reason"
    if status > 0:
        return f"Runtime exited with error: exit status {status}"
    try:
        name = _SIGNAL_NAMES.get(signal.Signals(-status), f"signal {-status}")
    except ValueError:
        name = f"signal {-status}"
    return f"Runtime exited with error: signal: {name}"


@dataclass(frozen=True)
class Report:
    """The figures of a REPORT line. Durations in seconds, memory in bytes."""

    request_id: str
    duration: float
    memory_size_mb: int
    memory_used: int
    init_duration: float | None

    def line(self, outcome: Outcome) -> str:
        """Format as AWS does, tabs included."""
        milliseconds = self.duration * 1000
        fields = [
            f"REPORT RequestId: {self.request_id}",
            f"Duration: {milliseconds:.2f} ms",
            f"Billed Duration: {math.ceil(milliseconds)} ms",
            f"Memory Size: {self.memory_size_mb} MB",
            f"Max Memory Used: {math.ceil(self.memory_used / 2**20)} MB",
        ]
        if self.init_duration is not None:
            fields.append(f"Init Duration: {self.init_duration * 1000:.2f} ms")
        if outcome.status:
            fields.append(f"Status: {outcome.status}")
        if outcome.error_type:
            fields.append(f"Error Type: {outcome.error_type}")
        return "\t".join(fields) + "\t"
