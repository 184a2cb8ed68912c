"""What every test shares: unit tests reach no network, our own warnings are errors, hypothesis repeats itself."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

UNIT_TESTS = Path(__file__).parent / "unit"
END_TO_END_TESTS = Path(__file__).parent / "e2e"
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


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", f"error:::{OUR_MODULES}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """What LocalStack writes into this variable when it is imported, the model provider's client cannot read."""
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1,localhost"


@pytest.hookimpl(tryfirst=True)  # before the workers' own plug-in reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A unit test may talk to a server that it started on this machine, and to nothing else.

    Workers take whole files, and one of them takes all end-to-end tests, which share one deployed cloud.
    """
    for item in items:
        together = "e2e" if item.path.is_relative_to(END_TO_END_TESTS) else str(item.path)
        item.add_marker(pytest.mark.xdist_group(together))
        if item.path.is_relative_to(UNIT_TESTS):
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1", "::1"]))
