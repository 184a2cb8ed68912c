"""Which environment variables a function's process gets: its own, those AWS sets, nothing of this machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# What LocalStack sets on AWS's behalf. Everything else it hands over is internal to its containers.
_SET_BY_AWS = (
    "_HANDLER",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_FORMAT",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_LEVEL",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_XRAY_CONTEXT_MISSING",
    "AWS_XRAY_DAEMON_ADDRESS",
    "TZ",
)


@dataclass(frozen=True)
class Places:
    """The folders of one execution environment and the programs' folder of its runtime."""

    task: Path
    python_path: tuple[Path, ...]
    opt_bin: Path
    temporary: Path
    runtime_bin: Path


def function_variables(
    given: Mapping[str, object], own: Mapping[str, str], places: Places, runtime: str
) -> dict[str, str]:
    """Build the whole environment of a function's process.

    `given` is what LocalStack prepared (the function's `own` variables included, which win over AWS's where
    AWS lets them). HOME is the private folder, so that no `~/.aws` of the developer is ever read.
    """
    kept = {name: str(given[name]) for name in (*_SET_BY_AWS, *own) if name in given}
    python_path = [str(places.task), *map(str, places.python_path)]
    if "PYTHONPATH" in own:
        python_path.append(own["PYTHONPATH"])
    defaults = {
        "LANG": "en_US.UTF-8",
        "PATH": f"{places.runtime_bin}:/usr/local/bin:/usr/bin:/bin:{places.opt_bin}",
        "HOME": str(places.temporary),
        "TMPDIR": str(places.temporary),
    }
    fixed = {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime}",
        "LAMBDA_TASK_ROOT": str(places.task),
        "LAMBDA_RUNTIME_DIR": str(places.runtime_bin.parent),
        "PYTHONPATH": ":".join(python_path),
    }
    return defaults | kept | fixed
