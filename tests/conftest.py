"""What every test shares: unit tests reach no network, our own warnings are errors, hypothesis repeats itself."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.skips import SkipGuard, read_allowed

UNIT_TESTS = Path(__file__).parent / "unit"
OUR_MODULES = r"(vigie(_\w+)?|planner|\w+_agent|model|dashboard)(\.|$)"

settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")

# Clients made at import time must find a region, and no account of whoever runs the tests.
os.environ.update(
    AWS_DEFAULT_REGION="us-east-1",
    AWS_ACCESS_KEY_ID="test",
    AWS_SECRET_ACCESS_KEY="test",
    AWS_EC2_METADATA_DISABLED="true",
    POWERTOOLS_METRICS_NAMESPACE="Vigie",
    POWERTOOLS_SERVICE_NAME="test",
)


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """A schedule in which workers take whole files, and one of them all end-to-end tests, which share a deployed cloud.

    pytest-xdist's own groups are suffixes of names that pytest no longer lets a plug-in change.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "e2e" if nodeid.startswith("tests/e2e/") else nodeid.partition("::")[0]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", f"error:::{OUR_MODULES}")
    if not hasattr(config, "workerinput"):  # the controller sees every worker's reports
        config.pluginmanager.register(SkipGuard(read_allowed()))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """What LocalStack writes into this variable when it is imported, the model provider's client cannot read."""
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1,localhost"


@pytest.hookimpl(optionalhook=True)  # without pytest-xdist there are no workers
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A unit test may talk to a server that it started on this machine, and to nothing else."""
    for item in items:
        if item.path.is_relative_to(UNIT_TESTS):
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1", "::1"]))
