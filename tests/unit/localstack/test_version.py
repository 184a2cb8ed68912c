"""The version that the patches are written for is the one that is installed."""

import tomllib

from vigie_local.settings import REPOSITORY
from vigie_localstack.version import PACKAGE, PINNED, require_pinned_version


def test_the_pinned_version_is_the_project_s() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert f"{PACKAGE}[runtime]=={PINNED}" in project["dependencies"]
    require_pinned_version()
