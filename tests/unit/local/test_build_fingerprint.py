"""What counts as a change of the build."""

from __future__ import annotations

from pathlib import Path

import pytest

from vigie_local.build import sam_environment, sources_fingerprint
from vigie_local.settings import load_settings


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "functions" / "planner").mkdir(parents=True)
    (tmp_path / "functions" / "planner" / "handler.py").write_text("a = 1\n")
    (tmp_path / "template.yaml").write_text("Resources: {}\n")
    return tmp_path


def test_the_same_sources_have_the_same_fingerprint(repository: Path) -> None:
    assert sources_fingerprint(repository) == sources_fingerprint(repository)


def test_every_kind_of_change_changes_it(repository: Path) -> None:
    seen = {sources_fingerprint(repository), sources_fingerprint(repository, "x86_64-manylinux2014")}
    handler = repository / "functions" / "planner" / "handler.py"
    handler.write_text("a = 2\n")
    seen.add(sources_fingerprint(repository))
    handler.rename(handler.with_name("renamed.py"))
    seen.add(sources_fingerprint(repository))
    (repository / "template.yaml").write_text("Resources: {a: b}\n")
    seen.add(sources_fingerprint(repository))
    assert len(seen) == 5


def test_what_python_leaves_behind_does_not_change_it(repository: Path) -> None:
    before = sources_fingerprint(repository)
    cache = repository / "functions" / "planner" / "__pycache__"
    cache.mkdir()
    (cache / "handler.cpython-313.pyc").write_bytes(b"x")
    (repository / "README.md").write_text("not a source of the stack")
    assert sources_fingerprint(repository) == before


def test_sam_talks_to_this_cloud_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "operators-own")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "operators-own")
    environment = sam_environment(load_settings({"LOCALSTACK_PORT": "5566"}))
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:5566"
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & set(environment)
    assert "operators-own" not in environment.values()
