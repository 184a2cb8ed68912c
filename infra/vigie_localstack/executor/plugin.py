"""The entry point by which LocalStack finds the executor (LAMBDA_RUNTIME_EXECUTOR=process)."""

from typing import Any

from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin


class ProcessRuntimeExecutorPlugin(RuntimeExecutorPlugin):
    """Registration of the executor as `process`."""

    name = "process"

    def load(self, *_args: Any, **_kwargs: Any) -> type:
        """Import late: LocalStack lists plug-ins long before it starts a function."""
        from vigie_localstack.executor.runtime_executor import ProcessRuntimeExecutor

        return ProcessRuntimeExecutor
