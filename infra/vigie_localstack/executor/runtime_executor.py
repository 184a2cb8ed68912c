"""LocalStack's interface to the executor: one object per execution environment, called from any thread."""

import os
from pathlib import Path
from typing import Any

from localstack.runtime import events
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.runtime_executor import LambdaRuntimeException, RuntimeExecutor

from vigie_localstack.executor.code_folders import VersionCode
from vigie_localstack.executor.log_delivery import StreamName
from vigie_localstack.executor.log_stream import LogStream
from vigie_localstack.executor.runtime_api import LOOPBACK
from vigie_localstack.executor.sandbox import Call, FunctionSettings, Sandbox
from vigie_localstack.executor.shared import shared
from vigie_localstack.executor.variables import Places, function_variables

_REPOSITORY = Path(__file__).resolve().parents[3]


def runtime_python() -> Path:
    """The Python that stands in for AWS's managed runtime: it holds awslambdaric, boto3 and nothing else.

    Raises LambdaRuntimeException when there is none.
    """
    home = Path(os.environ.get("VIGIE_HOME") or _REPOSITORY / ".local")
    # Made absolute but not resolved: the link's place is what makes it the Python of that environment.
    python = Path(os.environ.get("VIGIE_RUNTIME_PYTHON") or home / "runtime" / "bin" / "python").absolute()
    if not os.access(python, os.X_OK):
        raise LambdaRuntimeException(
            f"VIGIE_RUNTIME_PYTHON={python} is not an executable: create that environment from "
            "requirements/runtime.lock (make deploy-local does) or name another one"
        )
    return python


class ProcessRuntimeExecutor(RuntimeExecutor):
    """Run a function version's handler in a process of its own with `awslambdaric`."""

    def __init__(self, id: str, function_version: FunctionVersion) -> None:
        super().__init__(id=id, function_version=function_version)
        self._sandbox: Sandbox | None = None

    def start(self, env_vars: dict[str, Any]) -> None:
        """Return when the process can be invoked. One that fails to start answers its first invocation so."""
        code = shared().folders.acquire(self.function_version)
        try:
            self._sandbox = self._build_sandbox(code, env_vars)
            shared().loop.run(self._sandbox.start())
        except BaseException:
            shared().folders.release(self.function_version)
            raise

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Answer with the handler's result or the error AWS would give."""
        if self._sandbox is None:
            raise LambdaRuntimeException(f"environment {self.id} is invoked before it was started")
        call = Call(
            request_id=payload["invoke-id"],
            function_arn=payload["invoked-function-arn"],
            payload=payload["payload"].encode(),
            trace_id=payload["trace-id"],
        )
        answer = shared().loop.run(self._sandbox.invoke(call))
        outcome = answer.outcome
        return InvocationResult(call.request_id, outcome.payload, outcome.is_error, logs=answer.log_tail)

    def stop(self) -> None:
        """End the environment; a running invocation may finish, unless LocalStack itself is stopping."""
        if self._sandbox is not None:
            shared().loop.run(self._sandbox.retire(now=events.infra_stopping.is_set()))

    def get_address(self) -> str:
        """Functions listen nowhere; this is where they run."""
        return LOOPBACK

    def get_endpoint_from_executor(self) -> str:
        """Where a function reaches LocalStack."""
        return LOOPBACK

    def get_runtime_endpoint(self) -> str:
        """Only containers call LocalStack back; a process is spoken to directly."""
        return f"http://{LOOPBACK}"

    def get_logs(self) -> str:
        """Asked for after a failure only; the lines are where they belong."""
        return f"See the log group /aws/lambda/{self.function_version.id.function_name}."

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Unpack code and layers, so that the first invocation need not wait; refuse a missing runtime."""
        runtime_python()
        shared().folders.acquire(function_version)

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Let go of the version's folders; they go with its last environment."""
        shared().folders.release(function_version)

    def _build_sandbox(self, code: VersionCode, given: dict[str, Any]) -> Sandbox:
        version, python = self.function_version, runtime_python()
        config, runtime = version.config, str(version.config.runtime)
        places = Places(
            task=code.task,
            python_path=code.python_path,
            opt_bin=(code.opt or code.task) / "bin",
            temporary=shared().environments / self.id,
            runtime_bin=python.parent,
        )
        return Sandbox(
            FunctionSettings(str(config.handler), version.id.qualifier, runtime, config.timeout, config.memory_size),
            python,
            places,
            function_variables(given, config.environment or {}, places, runtime),
            LogStream(self._log_stream_name(given), shared().logs),
            on_end=lambda: shared().folders.release(version),
        )

    def _log_stream_name(self, given: dict[str, Any]) -> StreamName:
        identity = self.function_version.id
        group, stream = given["AWS_LAMBDA_LOG_GROUP_NAME"], given["AWS_LAMBDA_LOG_STREAM_NAME"]
        return StreamName(identity.account, identity.region, group, stream)
