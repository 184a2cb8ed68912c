"""`make load-outcomes CAMPAIGN=…` and `vigie lift`, on a campaign with enough customers to say something."""

import json
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import click
import pytest
from click.testing import CliRunner, Result

from model.outcomes import main as load_outcomes
from tests.integration.campaign_outcomes_bank import (
    CAMPAIGN,
    OFFER,
    OPERATOR,
    TODAY,
    add_members,
    hand_over,
    open_campaign,
)
from tests.integration.conftest import Bank
from vigie_operations.lift_command import lift
from vigie_operations.targets import local_target

TREATED, HELD_OUT = 60, 52


@pytest.fixture(scope="module")
def members(bank: Bank) -> tuple[list[UUID], list[UUID]]:
    open_campaign(bank)
    treated = add_members(bank, range(1, TREATED + 1), held_out=False)
    held_out = add_members(bank, range(101, 101 + HELD_OUT), held_out=True)
    hand_over(bank, treated)
    return treated, held_out


@pytest.fixture
def clean(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> Bank:
    monkeypatch.setenv("OPERATOR_PASSWORD", bank.secret("operator").password)
    bank.query("DELETE FROM outcomes")
    return bank


def load(bank: Bank, path: Path, *more: str) -> int:
    dsn = bank.migrated.dsn(bank.name)
    return load_outcomes(["--data", str(path), "--contract", "bank", "--dsn", dsn, "--campaign", CAMPAIGN, *more])


def lines(treated: list[UUID], held_out: list[UUID]) -> list[str]:
    """A tenth of the treated left and half of the held-out."""
    found = [f"{member},{'left' if i % 10 == 0 else 'stayed'},{TODAY},yes" for i, member in enumerate(treated)]
    return found + [f"{member},{'left' if i % 2 else 'stayed'},{TODAY}," for i, member in enumerate(held_out)]


@pytest.fixture
def outcomes(clean: Bank, members: tuple[list[UUID], list[UUID]], tmp_path: Path) -> Path:
    path = tmp_path / "outcomes.csv"
    path.write_text("\n".join(["customer_id,outcome,occurred_on,accepted", *lines(*members)]), encoding="utf-8")
    return path


def test_outcomes_are_recorded_and_the_lift_is_told(
    clean: Bank, outcomes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "lift.json"
    assert load(clean, outcomes, "--as", OPERATOR, "--json", str(out)) == 0
    said = capsys.readouterr().out
    assert f"{TREATED + HELD_OUT} outcomes recorded, 0 corrected, 0 not known yet" in said
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["overall"]["estimate"] == pytest.approx(26 / 52 - 0.1)
    assert found["causal_offers"]
    assert found["offers"][OFFER]["cost_eur"] == 30 * TREATED
    assert found["save_rates"][0]["source"] == "measured"
    assert load(clean, outcomes, "--as", OPERATOR) == 0
    assert "0 outcomes recorded, 0 corrected" in capsys.readouterr().out


def test_an_outcome_that_is_not_known_yet_is_left_out(
    clean: Bank, members: tuple[list[UUID], list[UUID]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "few.csv"
    path.write_text(
        f"customer_id;churned;occurred_on\n{members[0][0]};0;{TODAY}\n{members[0][1]};;\n", encoding="utf-8"
    )
    assert load(clean, path, "--as", OPERATOR) == 0
    said = capsys.readouterr().out
    assert "1 outcomes recorded, 0 corrected, 1 not known yet" in said
    assert "cannot tell yet" in said


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("customer_id,outcome\n{0},left", "column occurred_on: column is missing"),
        ("customer_id,occurred_on\n{0},{today}", "column churned: column is missing"),
        ("customer_id,outcome,occurred_on\n{0},gone,{today}", "row 2, column outcome: 'gone'"),
        ("customer_id,outcome,occurred_on\n{0},left,", "row 2, column occurred_on"),
        ("customer_id,outcome,occurred_on\n{0},left,{today}\n{0},left,2026-11-20", "customer_id"),
        ("customer_id,outcome,occurred_on,accepted\n{0},left,{today},maybe", "column accepted: 'maybe'"),
        ("customer_id,outcome,occurred_on\n{0},left,{today}\nC-404,left,{today}", "row 3, customer_id"),
        ("customer_id,outcome,occurred_on\n{0},left,2020-01-01", "is before the campaign's start"),
    ],
    ids=range(8),
)
def test_a_wrong_file_is_refused_whole(
    clean: Bank, members: tuple[list[UUID], list[UUID]], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    rows: str, said: str,
) -> None:  # fmt: skip
    path = tmp_path / "wrong.csv"
    path.write_text(rows.format(*members[0], today=TODAY) + "\n", encoding="utf-8")
    assert load(clean, path, "--as", OPERATOR) == 1
    assert said in capsys.readouterr().err
    assert clean.query("SELECT count(*) FROM outcomes") == [(0,)]


def test_who_is_no_operator_records_nothing(clean: Bank, outcomes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert load(clean, outcomes, "--as", "rene") == 1
    assert "it takes a operator" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        load(clean, outcomes)


def test_the_owner_s_own_role_does_not_do(
    clean: Bank, outcomes: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("OPERATOR_PASSWORD")
    assert load(clean, outcomes, "--as", OPERATOR) == 1
    assert "set OPERATOR_PASSWORD" in capsys.readouterr().err
    assert clean.query("SELECT count(*) FROM outcomes") == [(0,)]


def vigie(bank: Bank, folder: Path, *arguments: str, as_json: bool = False) -> Result:
    target = replace(local_target(1, folder), connector=bank.connect)

    @click.group()
    @click.pass_context
    def command(context: click.Context) -> None:
        context.obj = (lambda: target, as_json)

    command.add_command(lift)
    return CliRunner().invoke(command, ["lift", *arguments])


def test_the_command_tells_the_lift_and_the_next_save_rates(clean: Bank, outcomes: Path, tmp_path: Path) -> None:
    load(clean, outcomes, "--as", OPERATOR)
    shown = vigie(clean, tmp_path, "show", CAMPAIGN)
    assert shown.exit_code == 0
    assert f"{TREATED} treated, {HELD_OUT} held out" in shown.output
    assert "95 %, at every look" in shown.output
    as_json = vigie(clean, tmp_path, "show", CAMPAIGN, as_json=True)
    assert json.loads(as_json.output)["overall"]["treated"] == TREATED
    rates = vigie(clean, tmp_path, "save-rates", CAMPAIGN)
    assert f'code = "{OFFER}"' in rates.output
    assert 'save_rate_source = "measured"' in rates.output


def test_the_command_names_a_campaign_that_is_none(clean: Bank, tmp_path: Path) -> None:
    shown = vigie(clean, tmp_path, "show", "nowhere")
    assert shown.exit_code == 2
    assert "nowhere is no campaign" in shown.output
