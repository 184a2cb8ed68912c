"""`vigie review`: a person's decisions on proposals, from the command line."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import click

from vigie_operations import review as reviewing
from vigie_operations.cli_frame import operation, show
from vigie_operations.review import DUTIES, Reviewer, reviewer_named
from vigie_operations.targets import Target

REASONS = ("wrong_offer", "wrong_message", "price_too_high", "wrong_customer", "already_in_contact",
           "vulnerable_customer", "other")  # fmt: skip

DUTY = click.option(
    "--duty", type=click.Choice(DUTIES), help="Whose role to act through; the person's own unless it is given."
)
PROPOSAL = click.argument("proposal", type=click.UUID)
CONTENT = click.option("--content", required=True, metavar="SHA256", help="content_sha256 of what you read.")
CAMPAIGN = click.argument("campaign")


def by_person[**P](command: Callable[P, Any]) -> Callable[P, Any]:
    """Who decides, and through which role."""
    person = click.option("--as", "person", required=True, metavar="PERSON", envvar="VIGIE_PERSON", help="Who you are.")
    return person(DUTY(command))


@click.group()
def review() -> None:
    """Decide on proposals: claim, read, approve, edit or reject, bound to the content that you read.

    \b
    Example:
      vigie review next spring --as ada
      vigie review approve PROPOSAL --content SHA256 --as ada
    """


@review.command("queue")
@CAMPAIGN
@click.option("--most", type=int, default=20, show_default=True, help="How many to list.")
@operation
def show_queue(target: Target, as_json: bool, campaign: str, most: int) -> int:
    """List what waits in CAMPAIGN, contested and half approved cases first."""
    waiting = reviewing.queue(target, campaign, most)
    lines = [
        f"{case['proposal_id']}  {case['state']:<15} {case['offer_id']:<20} {case['price_eur']:>8} EUR"
        f"  {case['claimed_by'] or ''}".rstrip()
        for case in waiting
    ]
    show(waiting if as_json else lines or [f"Nothing waits in campaign {campaign}."], as_json)
    return 0


@review.command("next")
@CAMPAIGN
@by_person
@operation
def show_next(target: Target, as_json: bool, campaign: str, person: str, duty: str | None) -> int:
    """Claim the next case of CAMPAIGN for ten minutes, and show it."""
    return _show(reviewer_named(target, person, duty).next_case(campaign), as_json)


@review.command()
@PROPOSAL
@CONTENT
@by_person
@operation
def approve(target: Target, as_json: bool, proposal: uuid.UUID, content: str, person: str, duty: str | None) -> int:
    """Approve PROPOSAL."""
    return _show(reviewer_named(target, person, duty).decide(str(proposal), "approve", content, "fits"), as_json)


@review.command()
@PROPOSAL
@CONTENT
@click.option("--as", "person", required=True, metavar="PERSON", envvar="VIGIE_PERSON", help="Who you are.")
@operation
def second(target: Target, as_json: bool, proposal: uuid.UUID, content: str, person: str) -> int:
    """Give PROPOSAL its second approval, as a second reviewer."""
    reviewer = Reviewer(target, person, DUTIES[1])
    return _show(reviewer.decide(str(proposal), "second_approve", content, "fits"), as_json)


@review.command()
@PROPOSAL
@CONTENT
@click.option("--reason", type=click.Choice(REASONS), required=True)
@by_person
@operation
def reject(
    target: Target, as_json: bool, proposal: uuid.UUID, content: str, reason: str, person: str, duty: str | None
) -> int:
    """Reject PROPOSAL for a reason."""
    return _show(reviewer_named(target, person, duty).decide(str(proposal), "reject", content, reason), as_json)


@review.command()
@PROPOSAL
@click.option("--offer", required=True, help="The offer, the same or another of the campaign's catalogue.")
@click.option("--message", required=True, help="The message, in one paragraph.")
@by_person
@operation
def edit(
    target: Target, as_json: bool, proposal: uuid.UUID, offer: str, message: str, person: str, duty: str | None
) -> int:
    """Change PROPOSAL; it then takes two people's approval, whatever was approved before."""
    return _show(reviewer_named(target, person, duty).edit(str(proposal), offer, message), as_json)


@review.command()
@click.argument("contents", nargs=-1, required=True, metavar="PROPOSAL=SHA256...")
@by_person
@operation
def bulk(target: Target, as_json: bool, contents: tuple[str, ...], person: str, duty: str | None) -> int:
    """Approve many proposals in reviewed wording at once: all of them, or none."""
    given = [content.partition("=")[::2] for content in contents]
    return _show(reviewer_named(target, person, duty).approve_in_bulk(dict(given)), as_json)


@review.command()
@click.argument("decided", type=click.UUID, metavar="PROPOSAL")
@click.option("--bulk", "of_bulk", is_flag=True, help="It is the id of a bulk: take back all of it.")
@by_person
@operation
def undo(target: Target, as_json: bool, decided: uuid.UUID, of_bulk: bool, person: str, duty: str | None) -> int:
    """Take back your own decision on PROPOSAL, as long as it was not handed over."""
    reviewer = reviewer_named(target, person, duty)
    return _show(reviewer.undo_bulk(str(decided)) if of_bulk else reviewer.undo(str(decided)), as_json)


def _show(found: dict[str, Any], as_json: bool) -> int:
    show(found if as_json else [f"{name:<18} {value}" for name, value in found.items()], as_json)
    return 0
