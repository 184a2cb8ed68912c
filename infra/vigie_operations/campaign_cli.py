"""`vigie people`, `vigie offers` and `vigie campaigns`."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import click

from vigie.vocabulary import Duty, Segment
from vigie_operations import campaigns as do
from vigie_operations.cli_frame import operation, show
from vigie_operations.errors import OperationError
from vigie_operations.targets import LOCAL, Target

DEMO_OPERATOR = "demo-operator"
WHO = click.option(
    "--as", "who", envvar="VIGIE_PERSON", default="", metavar="NAME",
    help="Who acts, as people were named (vigie people add); in the local cloud demo-operator by default.",
)  # fmt: skip
SHARE = click.FloatRange(0, 0.5)


def acting_person(target: Target, who: str) -> str:
    """Return who acts.

    Raises:
        OperationError: nobody is named.
    """
    if not who and target.name != LOCAL:
        raise OperationError("Say who acts: --as NAME, or VIGIE_PERSON. An operator is named by vigie people add.")
    return who or DEMO_OPERATOR


def pairs(given: tuple[str, ...], option: str) -> dict[str, float]:
    """Read NAME=NUMBER options.

    Raises:
        OperationError: one is not of that form.
    """
    try:
        return {name: float(number) for name, _, number in (one.partition("=") for one in given)}
    except ValueError:
        raise OperationError(f"{option}: write NAME=NUMBER, such as advice=500") from None


@click.group()
def people() -> None:
    """Name the staff who decide, each for one duty."""


@people.command("add")
@click.argument("person")
@click.argument("duty", type=click.Choice([str(duty) for duty in Duty]))
@WHO
@operation
def add_person(target: Target, as_json: bool, person: str, duty: str, who: str) -> int:
    """Name PERSON for DUTY. Without --as the database's owner does it, as for the first operator."""
    return _show_person(as_json, person, duty, do.name_person(target, who, person, duty), True)


@people.command("release")
@click.argument("person")
@click.argument("duty", type=click.Choice([str(duty) for duty in Duty]))
@WHO
@operation
def release_person(target: Target, as_json: bool, person: str, duty: str, who: str) -> int:
    """Release PERSON from DUTY: what they decided stays."""
    return _show_person(as_json, person, duty, do.name_person(target, who, person, duty, False), False)


@click.group()
def offers() -> None:
    """Load and list versions of the catalogue of offers."""


@offers.command("load")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default=do.SHIPPED)
@WHO
@operation
def load_offers(target: Target, as_json: bool, file: Path, who: str) -> int:
    """Load the catalogue FILE (TOML); the shipped one by default. A file with mistakes changes nothing."""
    read, is_new = do.load_offers(target, acting_person(target, who), file)
    state = "loaded" if is_new else "was loaded already, with these very bytes"
    result = {"version": read.version, "offers": len(read.offers), "loaded": is_new}
    show(result if as_json else [f"Catalogue {read.version}: {len(read.offers)} offers, {state}"], as_json)
    return 0


@offers.command("list")
@operation
def list_offers(target: Target, as_json: bool) -> int:
    """List every version of the catalogue, the newest first."""
    found = do.list_catalogues(target)
    lines = [line for version in found for line in _catalogue_lines(version)] or ["No catalogue is loaded."]
    show(found if as_json else lines, as_json)
    return 0


@click.group()
def campaigns() -> None:
    """Open, change, close and show campaigns."""


@campaigns.command("open")
@click.argument("campaign_id")
@click.option("--contract", required=True, help="The feature contract of the customers, such as bank.")
@click.option("--name", required=True, help="What people call it; at most 80 characters.")
@click.option("--budget", "budget_eur", type=float, required=True, metavar="EUROS", help="What may be spent in all.")
@click.option("--catalogue", "catalogue_version", required=True, metavar="VERSION", help="Of vigie offers list.")
@click.option("--starts", "starts_on", type=click.DateTime(["%Y-%m-%d"]), help="First day; today unless given.")
@click.option("--ends", "ends_on", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Last day.")
@click.option("--line", "lines", multiple=True, metavar="LINE=EUROS", help="Budget of a line; repeat for more.")
@click.option("--hold-out", "holdout_share", type=SHARE, default=0.1, show_default=True, help="Share held out.")
@click.option("--hold-out-in", "shares", multiple=True, metavar="SEGMENT=SHARE",
              help=f"Another share in a segment ({', '.join(Segment)}); repeat for more.")  # fmt: skip
@click.option("--second-above", "second_above_eur", type=float, metavar="EUROS", help="Above it two people approve.")
@click.option("--planted", "planted_share", type=SHARE, default=0.05, show_default=True,
              help="Share of proposals that are wrong on purpose, to measure reviewers.")  # fmt: skip
@click.option("--least-catch-rate", type=click.FloatRange(0, 1), default=0.7, show_default=True,
              help="Below it the review queue slows down.")  # fmt: skip
@click.option("--expires-after", "expires_after_days", type=click.IntRange(1, 365), default=30, show_default=True,
              metavar="DAYS", help="How long a proposal may wait for review.")  # fmt: skip
@WHO
@operation
def open_campaign(
    target: Target, as_json: bool, /, who: str, lines: tuple[str, ...], shares: tuple[str, ...], **terms: Any
) -> int:
    """Open campaign CAMPAIGN_ID (small letters and hyphens, at the end a year), and wait until its terms are sealed."""
    terms["starts_on"] = terms["starts_on"] or datetime.datetime.now(datetime.UTC)
    days = {name: terms[name].date().isoformat() for name in ("starts_on", "ends_on")}
    given = terms | days | {"budget_lines": pairs(lines, "--line"), "holdout_shares": pairs(shares, "--hold-out-in")}
    event = do.open_campaign(target, acting_person(target, who), given)
    result = {"campaign": given["campaign_id"], "event": event, "sealed": True}
    show(result if as_json else [f"Campaign {given['campaign_id']} is open; its terms are sealed in {event}"], as_json)
    return 0


@campaigns.command("change")
@click.argument("campaign_id")
@click.option("--budget", "budget_eur", type=float, metavar="EUROS", help="A higher budget.")
@click.option("--line", "lines", multiple=True, metavar="LINE=EUROS", help="All budget lines anew, none lower.")
@click.option("--hold-out", "holdout_share", type=SHARE, help="Another share: raising adds customers, lowering frees.")
@click.option("--hold-out-in", "shares", multiple=True, metavar="SEGMENT=SHARE", help="All shares of segments anew.")
@WHO
@operation
def change_campaign(
    target: Target, as_json: bool, /, campaign_id: str, who: str, lines: tuple[str, ...], shares: tuple[str, ...],
    **changes: float | None,
) -> int:  # fmt: skip
    """Raise the budget of CAMPAIGN_ID, or change its hold-out; nothing else changes in an open campaign."""
    given: dict[str, Any] = {name: value for name, value in changes.items() if value is not None}
    given |= {"budget_lines": pairs(lines, "--line")} if lines else {}
    given |= {"holdout_shares": pairs(shares, "--hold-out-in")} if shares else {}
    event = do.change_campaign(target, acting_person(target, who), campaign_id, given)
    show(
        {"campaign": campaign_id, "event": event} if as_json else [f"Campaign {campaign_id} changed: {event}"], as_json
    )
    return 0


@campaigns.command("close")
@click.argument("campaign_id")
@WHO
@operation
def close_campaign(target: Target, as_json: bool, campaign_id: str, who: str) -> int:
    """Close CAMPAIGN_ID and print the key of its hold-out, with which anybody can draw it again."""
    key = do.close_campaign(target, acting_person(target, who), campaign_id)
    result = {"campaign": campaign_id, "holdout_key": key}
    show(result if as_json else [f"Campaign {campaign_id} is closed; the key of its hold-out: {key}"], as_json)
    return 0


@campaigns.command("list")
@operation
def list_campaigns(target: Target, as_json: bool) -> int:
    """List every campaign, the newest first."""
    found = do.list_campaigns(target)
    show(found if as_json else [_campaign_line(one) for one in found] or ["No campaign was opened."], as_json)
    return 0


@campaigns.command("show")
@click.argument("campaign_id")
@operation
def show_campaign(target: Target, as_json: bool, campaign_id: str) -> int:
    """Show the terms of CAMPAIGN_ID and what its runs proposed."""
    [found] = do.list_campaigns(target, campaign_id)
    show(found if as_json else [f"  {name:<20} {value}" for name, value in found.items()], as_json)
    return 0


@campaigns.command("check")
@click.argument("campaign_id")
@operation
def check_campaign(target: Target, as_json: bool, campaign_id: str) -> int:
    """Draw the hold-out of the closed CAMPAIGN_ID again from its key; exit code 1 where it differs."""
    found = do.check_draws(target, campaign_id)
    holds = found["commitment_holds"] and not found["other_draws"]
    line = f"Hold-out of {campaign_id}: key {'as committed' if found['commitment_holds'] else 'NOT as committed'}, "
    show(found if as_json else [f"{line}{found['members']} draws, {found['other_draws']} differ"], as_json)
    return 0 if holds else 1


def _show_person(as_json: bool, person: str, duty: str, person_id: str, active: bool) -> int:
    result = {"person": person, "duty": duty, "person_id": person_id, "active": active}
    show(result if as_json else [f"{person}: {duty}{'' if active else ', released'} ({person_id})"], as_json)
    return 0


def _catalogue_lines(version: dict[str, Any]) -> list[str]:
    rows = [
        f"  {o['offer_id']:<20} {o['cost_eur']:>7.2f} €  saves {o['save_rate']:.1%} ({o['save_rate_source']})  "
        f"{', '.join(o['segments'])}"
        for o in version["offers"]
    ]
    return [f"Catalogue {version['version']}, loaded {version['loaded_at'][:16]} by {version['loaded_by']}", *rows]


def _campaign_line(one: dict[str, Any]) -> str:
    state = f"closed {one['closed_at'][:10]}" if one["closed_at"] else f"open until {one['ends_on']}"
    return (
        f"{one['campaign_id']:<24} {one['contract']:<10} {state:<18} {one['budget_eur']:>10.2f} €  "
        f"{one['held_out']} of {one['members']} held out"
    )
