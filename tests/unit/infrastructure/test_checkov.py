"""checkov finds in the template what `checkov_exceptions.toml` gives a reason for, and nothing else."""

import json
import os
import subprocess
import tomllib
from pathlib import Path

from tests.unit.infrastructure.conftest import ROOT

CHECKOV = ROOT / ".local" / "checkov" / "bin" / "checkov"
EXCEPTIONS = tomllib.loads((Path(__file__).parent / "checkov_exceptions.toml").read_text(encoding="utf-8"))


def findings(template: Path, folder: Path) -> set[tuple[str, str]]:
    """(check, resource) of what fails; without a network, whatever the machine's settings say."""
    assert CHECKOV.exists(), f"{CHECKOV} is missing: ./infra/bootstrap.sh for-tests installs it"
    command = [str(CHECKOV), "-f", str(template), "--framework", "cloudformation", "--skip-download", "-o", "json"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LOG_LEVEL": "ERROR"}
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=300)
    report = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 100
    return {(one["check_id"], one["resource"].split(".")[-1]) for one in report["results"]["failed_checks"]}


def test_checkov_finds_what_has_a_reason_and_nothing_else(tmp_path: Path) -> None:
    excepted = {(check, name) for check, one in EXCEPTIONS.items() for name in one["resources"]}
    assert findings(ROOT / "template.yaml", tmp_path) == excepted


def test_every_exception_has_a_reason() -> None:
    assert [check for check, one in EXCEPTIONS.items() if len(one["because"].split()) < 8] == []


def test_what_is_taken_away_from_the_template_is_found(tmp_path: Path) -> None:
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    weaker = text.replace("        BlockPublicPolicy: true\n", "        BlockPublicPolicy: false\n")
    weaker = weaker.replace("Action: s3:PutObject\n                Resource", "Action: '*'\n                Resource")
    (tmp_path / "template.yaml").write_text(weaker, encoding="utf-8")
    checks = {check for check, _ in findings(tmp_path / "template.yaml", tmp_path)}
    assert {"CKV_AWS_54"} <= checks - set(EXCEPTIONS)
