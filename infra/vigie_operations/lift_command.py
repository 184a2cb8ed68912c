"""`vigie lift`: what a campaign's outcomes say, and the save rates for the next catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
from psycopg2.extras import RealDictCursor

from vigie.lift import Cell
from vigie.lift_report import Report, report
from vigie.save_rates import as_toml
from vigie_operations.cli_frame import operation, show
from vigie_operations.errors import OperationError
from vigie_operations.targets import READER, Target

RATES = """
SELECT o.offer_id, o.save_rate FROM campaigns c JOIN catalogue_offers o ON o.version = c.catalogue_version
WHERE c.campaign_id = %s
"""


@click.group("lift")
def lift() -> None:
    """Compare a campaign's customers with its hold-out."""


@lift.command("show")
@click.argument("campaign")
@operation
def show_lift(target: Target, as_json: bool, campaign: str) -> int:
    """Show the lift of CAMPAIGN: overall, by segment, by offer, with intervals that hold at every look."""
    found = read_report(target, campaign)
    show(found.as_dict() if as_json else found.lines(), as_json)
    return 0


@lift.command("save-rates")
@click.argument("campaign")
@operation
def show_save_rates(target: Target, as_json: bool, campaign: str) -> int:
    """Print the save rates after CAMPAIGN as TOML, for the next version of the catalogue."""
    found = read_report(target, campaign)
    show(found.as_dict()["save_rates"] if as_json else [as_toml(campaign, found.rates).rstrip()], as_json)
    return 0


def read_report(target: Target, campaign: str) -> Report:
    """Measure a campaign.

    Raises:
        OperationError: there is no such campaign.
        TargetError: the database cannot be reached.
    """
    with target.connected(READER) as connection, connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(RATES, (campaign,))
        rates: Mapping[str, float] = {row["offer_id"]: row["save_rate"] for row in cursor.fetchall()}
        if not rates:
            raise OperationError(f"{campaign} is no campaign: vigie campaigns list shows them")
        cursor.execute("SELECT * FROM arm_outcomes(%s)", (campaign,))
        rows: list[dict[str, Any]] = [dict(row) for row in cursor.fetchall()]
    return report(campaign, map(Cell.from_row, rows), rates)
