"""The commands `vigie oversight` and `vigie objections`."""

from __future__ import annotations

import datetime
import uuid
from pathlib import Path

import click

from vigie.vocabulary import ObjectionAnswer
from vigie_operations import objections as do
from vigie_operations import oversight_report
from vigie_operations.cli_frame import operation, show
from vigie_operations.dossier import LANGUAGES
from vigie_operations.targets import Target

AS = click.option("--as", "person", required=True, metavar="NAME", help="Who acts, under their name.")
OUT = click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder to write to.")
DUTY = click.option(
    "--duty",
    type=click.Choice(do.DUTIES),
    default="operator",
    show_default=True,
    help="What NAME is named for.",
)


@click.group()
def oversight() -> None:
    """Report on how reviewers decide."""


@oversight.command("report")
@click.argument("campaign")
@AS
@OUT
@click.option("--wait", type=float, default=90, show_default=True, help="Seconds to wait for the signature.")
@operation
def report(target: Target, as_json: bool, campaign: str, person: str, out: Path | None, wait: float) -> int:
    """Write the signed report of CAMPAIGN's reviewers, as the officer NAME."""
    made = oversight_report.write_report(target, campaign, person, out, wait)
    show(made.as_dict() if as_json else made.lines(), as_json)
    return 0


@click.group("objections")
def objections() -> None:
    """Record, explain and answer what customers contest."""


@objections.command("record")
@click.argument("proposal", type=click.UUID)
@click.option("--received", type=click.DateTime(["%Y-%m-%d"]), help="The day it arrived; today by default.")
@AS
@operation
def record(target: Target, as_json: bool, proposal: uuid.UUID, received: datetime.datetime | None, person: str) -> int:
    """Record that the customer of PROPOSAL contests the decision: another person decides anew."""
    day = received.date() if received else datetime.datetime.now(datetime.UTC).date()
    made = do.record(target, proposal, day, person)
    show({"objection_id": made} if as_json else [made], as_json)
    return 0


@objections.command("list")
@AS
@DUTY
@operation
def show_list(target: Target, as_json: bool, person: str, duty: str) -> int:
    """List objections, those that wait for an answer first."""
    found = do.listed(target, person, duty)
    show(found if as_json else [do.line(row) for row in found] or ["No objection."], as_json)
    return 0


@objections.command("dossier")
@click.argument("objection", type=click.UUID)
@click.option("--language", type=click.Choice(LANGUAGES), help="The customer's own by default.")
@OUT
@operation
def dossier(target: Target, as_json: bool, objection: uuid.UUID, language: str | None, out: Path | None) -> int:
    """Write what was decided about a customer, why, by whom and what left; and the customer's receipt."""
    made = do.write(target, objection, language, out)
    show(made.as_dict() if as_json else made.lines(), as_json)
    return 0


@objections.command("answer")
@click.argument("objection", type=click.UUID)
@click.argument("answer", type=click.Choice([str(word) for word in ObjectionAnswer]))
@AS
@DUTY
@operation
def give_answer(target: Target, as_json: bool, objection: uuid.UUID, answer: str, person: str, duty: str) -> int:
    """Answer OBJECTION after another person decided anew: upheld, changed, or withdrawn by the customer."""
    day = do.answer(target, objection, answer, person, duty)
    show({"answered_on": day} if as_json else [f"Answered on {day}: {answer}"], as_json)
    return 0
