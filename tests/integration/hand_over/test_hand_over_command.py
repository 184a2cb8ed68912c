"""`vigie hand-over` with the template's own key and topic in LocalStack, and a real database."""

from __future__ import annotations

import csv
import json
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import pytest
import yaml
from click.testing import CliRunner

from tests.integration.campaign_bank import OPERATOR, CampaignBank, open_campaign
from tests.integration.conftest import Bank
from tests.unit.governance.test_iam import TemplateLoader
from vigie_local.localstack import LocalStack, temporary_localstack
from vigie_local.settings import REPOSITORY
from vigie_operations import cli
from vigie_operations.targets import Target, local_target

PARTS = ("HandOverKey", "HandedOverTopic")
OUTPUTS = ("HandOverKeyArn", "HandedOverTopicArn")


def part_of_the_template() -> str:
    """The key, the topic and their outputs as template.yaml has them, with its short functions written out."""
    whole = yaml.load((REPOSITORY / "template.yaml").read_text(encoding="utf-8"), TemplateLoader)
    parts = {"Resources": {name: whole["Resources"][name] for name in PARTS}}
    text = json.dumps(parts | {"Outputs": {name: whole["Outputs"][name] for name in OUTPUTS}})
    for name in ("GetAtt", "Sub"):
        text = text.replace(f'"{name}"', f'"Fn::{name}"')
    for name in PARTS:
        text = text.replace(f'"{name}.Arn"', f'["{name}", "Arn"]')
    return text


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalStack]:
    with temporary_localstack() as running:
        formation = running.client("cloudformation")
        formation.create_stack(StackName="vigie", TemplateBody=part_of_the_template())
        formation.get_waiter("stack_create_complete").wait(StackName="vigie")
        yield running


@pytest.fixture(scope="module")
def subscriber(aws: LocalStack) -> Callable[[], list[tuple[dict[str, Any], dict[str, str]]]]:
    """A machine's queue on the topic: gives the messages and attributes that came since it was last asked."""
    sqs, sns = aws.client("sqs"), aws.client("sns")
    queue = sqs.create_queue(QueueName="crm")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    [topic] = [one["TopicArn"] for one in sns.list_topics()["Topics"] if one["TopicArn"].endswith(":vigie-handed-over")]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})

    def received() -> list[tuple[dict[str, Any], dict[str, str]]]:
        found = []
        while messages := sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1, MessageAttributeNames=["All"]
        ).get("Messages"):
            for message in messages:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                attributes = {name: one["StringValue"] for name, one in message["MessageAttributes"].items()}
                found.append((json.loads(message["Body"]), attributes))
        return found

    return received


@dataclass
class Desk:
    """An operator's shell on a bank with an open campaign."""

    spring: CampaignBank
    target: Target
    monkeypatch: pytest.MonkeyPatch

    def vigie(self, *words: str) -> tuple[int, str]:
        """Run a command; its exit code and what it printed."""
        self.monkeypatch.setattr(cli, "choose_target", lambda *chosen: self.target)
        done = CliRunner().invoke(cli.vigie, list(words))
        return done.exit_code, done.output

    def hand_over(self, *words: str) -> dict[str, Any]:
        code, output = self.vigie("--json", "hand-over", *words, "--as", OPERATOR)
        assert code == 0, output
        done: dict[str, Any] = json.loads(output)
        return done


@pytest.fixture
def desk(make_bank: Callable[[], Bank], aws: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    spring = open_campaign(make_bank())
    return Desk(spring, replace(local_target(aws.port, tmp_path), connector=spring.connect), monkeypatch)


def lines_of(folder: str) -> list[dict[str, str]]:
    text = (Path(folder) / "actions.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_what_was_approved_leaves_once_with_names_a_receipt_and_messages_without_them(
    desk: Desk, subscriber: Callable[[], list[tuple[dict[str, Any], dict[str, str]]]]
) -> None:
    channels = ("email", "phone", "letter", "app")
    proposals = [desk.spring.approved(channel=channel) for channel in channels]
    desk.spring.query("UPDATE customers SET address = '1, rue X'")
    desk.spring.propose()
    done = desk.hand_over("spring")
    written = lines_of(done["folder"])
    assert [UUID(one["proposal_id"]) for one in written] == sorted(proposals)
    contacts = {one["channel"]: one["contact"] for one in written}
    [(email, number)] = desk.spring.query(
        "SELECT email, (SELECT customer_number FROM customers WHERE customer_id = %s) FROM customers"
        " WHERE customer_id = %s",
        desk.spring.customer_of(proposals[3]), desk.spring.customer_of(proposals[0]),
    )  # fmt: skip
    assert contacts == {"email": email, "phone": "+33612345678", "letter": "1, rue X", "app": number}
    assert {(one["first_name"], one["last_name"], one["price_eur"]) for one in written} == {("Ada", "Byron", "20.00")}
    customers = {str(desk.spring.customer_of(proposal)) for proposal in proposals}
    assert not any(customer in json.dumps(written) for customer in customers), "the reference stands for the customer"

    messages = subscriber()
    assert sorted(body["proposal_id"] for body, _ in messages) == [one["proposal_id"] for one in written]
    fields = {"campaign", "hand_over_id", "proposal_id", "recipient_ref", "offer_id", "channel", "content_sha256"}
    assert all(set(body) == fields for body, _ in messages)
    assert all(attributes["proposal_id"] == body["proposal_id"] for body, attributes in messages)
    assert not any(word in json.dumps(messages) for word in ("Ada", "Byron", "example.org", "rue X", "fees."))

    assert desk.hand_over("spring") == {"hand_over_id": None, "items": 0, "items_sha256": None, "folder": None}
    assert subscriber() == []


def test_the_receipt_verifies_with_openssl_and_names_what_both_files_and_the_trail_hold(
    desk: Desk, tmp_path: Path
) -> None:
    desk.spring.approved()
    done = desk.hand_over("spring", "--out", str(tmp_path / "out"))
    folder = tmp_path / "out"
    receipt = json.loads((folder / "receipt.json").read_text())
    assert {path.name for path in folder.iterdir()} == {*receipt["files"], "receipt.json", "receipt.sig", "key.pem"}
    for name, said in receipt["files"].items():
        content = (folder / name).read_bytes()
        assert said == {"bytes": len(content), "sha256": sha256(content).hexdigest()}
    [(details,)] = desk.spring.query("SELECT details FROM audit_log WHERE event_id = %s", receipt["event_id"])
    assert details["items_sha256"] == receipt["items_sha256"] == receipt["in_these_files"]["items_sha256"]
    assert details["hand_over_id"] == receipt["hand_over_id"] == done["hand_over_id"]

    check = ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "receipt.sig", "receipt.json"]
    assert subprocess.run(check, cwd=folder, capture_output=True).stdout == b"Verified OK\n"
    (folder / "receipt.json").write_text((folder / "receipt.json").read_text().replace('"items": 1', '"items": 2'))
    assert subprocess.run(check, cwd=folder, capture_output=True).returncode != 0


def test_only_their_owner_opens_the_files_and_no_cell_is_a_formula(desk: Desk) -> None:
    proposal = desk.spring.approved(message='=HYPERLINK("http://x";"y")')
    desk.spring.query(
        "UPDATE customers SET last_name = '@SUM(1)' WHERE customer_id = %s", desk.spring.customer_of(proposal)
    )
    folder = Path(desk.hand_over("spring")["folder"])
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)} == {0o700}
    with (folder / "actions.csv").open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file)
    assert row["message"].startswith("'=HYPERLINK")
    assert row["last_name"] == "'@SUM(1)"
    assert lines_of(str(folder))[0]["last_name"] == "@SUM(1)"


def test_files_lost_between_commit_and_writing_are_written_again(
    desk: Desk, subscriber: Callable[[], list[tuple[dict[str, Any], dict[str, str]]]]
) -> None:
    subscriber()
    kept, withdrawn = desk.spring.approved(), desk.spring.approved()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("vigie_operations.hand_over_files.os.fsync", _disk_full)
        code, said = desk.vigie("hand-over", "spring", "--as", OPERATOR)
    [(hand_over_id,)] = desk.spring.query("SELECT hand_over_id::text FROM hand_overs")
    assert (code, f"vigie hand-over --again {hand_over_id}" in said) == (2, True), said
    assert subscriber() == []
    desk.spring.bank.record_consent(desk.spring.customer_of(withdrawn), "retention_offers", False)
    done = desk.hand_over("--again", hand_over_id)
    assert [one["proposal_id"] for one in lines_of(done["folder"])] == [str(kept)]
    receipt = json.loads((Path(done["folder"]) / "receipt.json").read_text())
    assert (receipt["items"], receipt["in_these_files"]["items"]) == (2, 1)
    assert [attributes["proposal_id"] for _, attributes in subscriber()] == [str(kept)]
    assert not list(Path(done["folder"]).glob(".*")), "nothing half written is left"
    code, said = desk.vigie("hand-over", "list", "spring", "--as", OPERATOR)
    assert (code, hand_over_id in said, "2 unanswered" in said) == (0, True, True)


def _disk_full(descriptor: int) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("form", ["jsonl", "csv", "semicolons"])
def test_the_receiver_answers_each_action_once(desk: Desk, tmp_path: Path, form: str) -> None:
    proposals = [desk.spring.approved() for _ in range(3)]
    hand_over_id = desk.hand_over("spring")["hand_over_id"]
    answers = dict(zip(map(str, proposals), ("delivered", "failed", "delivered"), strict=True))
    file = tmp_path / "answers"
    file.write_text(as_file(hand_over_id, answers, form), encoding="utf-8")
    expected = {"hand_over_id": hand_over_id, "answers": 3, "new": 3}
    assert desk.hand_over("answer", str(file)) == expected
    assert desk.hand_over("answer", str(file)) == expected | {"new": 0}
    assert desk.spring.query("SELECT proposal_id::text, answer FROM handed_over") == list(answers.items())
    events = desk.spring.query("SELECT details FROM audit_log WHERE event_type = 'HAND_OVER_ANSWERED'")
    assert events == [({"campaign": "spring", "hand_over_id": hand_over_id, "answers": {"delivered": 2, "failed": 1}},)]
    assert desk.hand_over("--again", hand_over_id)["items"] == 0, "what was answered has arrived"


def as_file(hand_over_id: str, answers: dict[str, str], form: str) -> str:
    rows = [{"hand_over_id": hand_over_id, "proposal_id": one, "answer": answer} for one, answer in answers.items()]
    if form == "jsonl":
        return "".join(json.dumps(row) + "\n" for row in rows)
    between = "," if form == "csv" else ";"
    return "\n".join(between.join(words) for words in [list(rows[0]), *(list(row.values()) for row in rows)]) + "\n"


BAD_ANSWERS = {
    "another answer than before": ("failed", "answered as delivered before"),
    "an unknown word": ("arrived", "'arrived' is not one of delivered, failed, refused"),
    "another's proposal": (None, "holds no proposal"),
}


@pytest.mark.parametrize("what", BAD_ANSWERS)
def test_a_bad_answer_is_refused_and_nothing_of_its_file_is_stored(desk: Desk, tmp_path: Path, what: str) -> None:
    first, second = desk.spring.approved(), desk.spring.approved()
    hand_over_id = desk.hand_over("spring")["hand_over_id"]
    file = tmp_path / "answers"
    file.write_text(as_file(hand_over_id, {str(first): "delivered"}, "jsonl"), encoding="utf-8")
    desk.hand_over("answer", str(file))
    answer, told = BAD_ANSWERS[what]
    bad = {str(first): answer} if answer else {str(uuid4()): "failed"}
    file.write_text(as_file(hand_over_id, {str(second): "delivered"} | bad, "csv"), encoding="utf-8")
    code, said = desk.vigie("hand-over", "answer", str(file), "--as", OPERATOR)
    assert (code, told in said) == (2, True), said
    assert desk.spring.query("SELECT answer FROM handed_over WHERE proposal_id = %s", second) == [(None,)]


BAD_WORDS = {
    ("autumn", "--as", OPERATOR): "campaign autumn is not open. Name an open campaign",
    ("spring", "--as", "rene"): "rene may not do this: it takes a operator who acts through the role of that name",
    ("--as", OPERATOR): "Say what to hand over",
    ("--again", str(uuid4()), "--as", OPERATOR): "does not exist. The campaign's hand-overs",
    ("answer", "/nowhere.csv", "--as", OPERATOR): "cannot be read",
}


@pytest.mark.parametrize("words", BAD_WORDS)
def test_what_cannot_be_done_is_refused_with_the_remedy(desk: Desk, words: tuple[str, ...]) -> None:
    code, said = desk.vigie("hand-over", *words)
    assert (code, BAD_WORDS[words] in said) == (2, True), said


def test_a_closed_campaign_hands_nothing_over(desk: Desk) -> None:
    desk.spring.approved()
    desk.spring.query("SELECT close_campaign(%s, 'spring')", OPERATOR, role="operator")
    with pytest.raises(psycopg2.Error, match="is not open"):
        desk.spring.hand_over()
