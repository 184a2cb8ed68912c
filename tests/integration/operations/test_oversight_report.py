"""The report on reviewers: refused to others, its hash in the trail, and a proof that anybody checks offline."""

from __future__ import annotations

import hashlib
import json
import stat
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit_agent.publishing import CheckpointStore
from audit_agent.sealing import Sealer
from audit_agent.signing import Signer as KmsSigner
from tests.integration.audit.audit_environment import FakeKms, FakeS3, request
from tests.integration.conftest import Bank
from tests.oversight_bank import OFFICER, OversightBank
from tests.review_bank import CAMPAIGN, FIRST
from tests.tamper.sealed_log import ORIGIN
from vigie_operations import oversight_report
from vigie_operations.errors import OperationError
from vigie_operations.targets import Target


class Services:
    """Stands for boto3's session: a key service, and a stack that names its key."""

    def __init__(self, kms: FakeKms) -> None:
        self.kms = kms

    def client(self, service: str, **_settings: object) -> Any:
        return self.kms if service == "kms" else self

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        return {"Stacks": [{"Outputs": [{"OutputKey": "AuditKeyArn", "OutputValue": "key"}]}]}


@pytest.fixture(scope="module")
def kms() -> FakeKms:
    return FakeKms()


@pytest.fixture(scope="module")
def reviewed(make_bank: Callable[[], Bank]) -> OversightBank:
    oversight = OversightBank(make_bank(), key=b"r" * 32)
    run = oversight.run_with(6)
    for number, proposal in enumerate(oversight.proposals(run)):
        oversight.decide(FIRST, proposal, *(("reject", "other") if number % 2 else ("approve", "fits")))
    return oversight


@pytest.fixture(scope="module")
def target(reviewed: OversightBank, kms: FakeKms, tmp_path_factory: pytest.TempPathFactory) -> Target:
    return Target("local", Services(kms), tmp_path_factory.mktemp("home"), connector=reviewed.bank.connect)


def seal(bank: Bank, kms: FakeKms) -> None:
    store = CheckpointStore("bucket", FakeS3())
    Sealer(bank.database("audit_agent"), KmsSigner("key", ORIGIN, kms), store).seal(request())


def test_a_report_is_signed_by_the_trail_and_checked_without_the_database(
    reviewed: OversightBank, target: Target, kms: FakeKms
) -> None:
    made = oversight_report.write_report(target, CAMPAIGN, OFFICER)
    assert made.proof is None
    assert "Not signed yet" in made.lines()[-1]
    seal(reviewed.bank, kms)
    proof = oversight_report.prove(target, made.event_id, made.folder, 5)
    assert proof is not None
    content = (made.folder / oversight_report.JSON_NAME).read_bytes()
    assert hashlib.sha256(content).hexdigest() == made.sha256
    event = json.loads(proof.path.read_text())["event"]
    assert (event["event_type"], event["details"]["report_sha256"]) == ("OVERSIGHT_REPORTED", made.sha256)
    assert verify(proof.path, proof.key, proof.origin) == 0
    proof.path.write_text(proof.path.read_text().replace(made.sha256, "0" * 64))
    assert verify(proof.path, proof.key, proof.origin) != 0


def verify(proof: Path, key: Path, origin: str) -> int:
    from vigie.verify import main

    return main(["inclusion", str(proof), "--key", str(key), "--origin", origin])


def test_the_report_says_what_the_database_says(reviewed: OversightBank, target: Target) -> None:
    made = oversight_report.write_report(target, CAMPAIGN, OFFICER)
    said = json.loads((made.folder / oversight_report.JSON_NAME).read_text())
    [row] = said["reviewers"]
    assert (said["campaign"], said["format"], row["person"], row["decisions"]) == (
        CAMPAIGN,
        "vigie-oversight/1",
        FIRST,
        6,
    )
    [stored] = reviewed.bank.query("SELECT caught, planted FROM oversight(%s)", CAMPAIGN)
    assert (row["caught"], row["planted"]) == stored
    text = (made.folder / oversight_report.TEXT_NAME).read_text()
    assert made.sha256 in text
    assert f"| {FIRST} | 6 |" in text
    assert not any(
        str(proposal) in text + str(said) for (proposal,) in reviewed.bank.query("SELECT proposal_id FROM proposals")
    )
    for path in made.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(("campaign", "person"), [(CAMPAIGN, FIRST), (CAMPAIGN, "nobody"), ("autumn", OFFICER)])
def test_others_and_unknown_campaigns_are_refused_and_leave_no_file(
    reviewed: OversightBank, target: Target, campaign: str, person: str, tmp_path: Path
) -> None:
    before = reviewed.bank.query("SELECT count(*) FROM audit_log")
    with pytest.raises(OperationError, match="Refused"):
        oversight_report.write_report(target, campaign, person, tmp_path / "out")
    assert reviewed.bank.query("SELECT count(*) FROM audit_log") == before
    assert not (tmp_path / "out").exists()


def test_a_campaign_without_decisions_is_reported_as_such(
    make_bank: Callable[[], Bank], kms: FakeKms, tmp_path: Path
) -> None:
    empty = OversightBank(make_bank())
    made = oversight_report.write_report(
        Target("local", Services(kms), tmp_path, connector=empty.bank.connect), CAMPAIGN, OFFICER
    )
    assert "Nobody has decided" in (made.folder / oversight_report.TEXT_NAME).read_text()
    assert uuid.UUID(made.event_id)
