"""`vigie hand-over` and `vigie campaigns reconcile`."""

from __future__ import annotations

import uuid
from pathlib import Path

import click

from vigie_operations import campaign_records, hand_over_answers
from vigie_operations import hand_over as hand_over_operation
from vigie_operations.campaign_cli import WHO, acting_person
from vigie_operations.cli_frame import operation, show
from vigie_operations.errors import OperationError
from vigie_operations.targets import Target


class WithDefault(click.Group):
    """A group that takes what names none of its commands for arguments of the command `actions`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Name the command where it is left out."""
        if args and args[0] not in {*self.commands, *self.get_help_option_names(ctx)}:
            args = ["actions", *args]
        return super().parse_args(ctx, args)


OUT = click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder to write to.")


@click.group("hand-over", cls=WithDefault)
def hand_over() -> None:
    """Hand approved actions over: vigie hand-over CAMPAIGN --as NAME."""


@hand_over.command("actions")
@click.argument("campaign", default="")
@WHO
@click.option("--again", type=click.UUID, metavar="HAND_OVER_ID", help="Write the files of an earlier hand-over anew.")
@OUT
@operation
def hand_over_actions(
    target: Target, as_json: bool, campaign: str, who: str, again: uuid.UUID | None, out: Path | None
) -> int:
    """Hand over what is approved in CAMPAIGN: files, a signed receipt, and a message for each action."""
    if bool(campaign) == bool(again):
        raise OperationError("Say what to hand over: a campaign, or --again with the id of an earlier hand-over.")
    if again:
        done = hand_over_operation.write_again(target, again, acting_person(target, who), out)
    else:
        done = hand_over_operation.hand_over(target, campaign, acting_person(target, who), out)
    show(done.as_dict() if as_json else done.lines(), as_json)
    return 0


@hand_over.command("answer")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@WHO
@operation
def answer_hand_over(target: Target, as_json: bool, file: Path, who: str) -> int:
    """Store what the receiver answered: CSV or JSON Lines with hand_over_id, proposal_id and answer."""
    stored = hand_over_answers.record_answers(target, file, acting_person(target, who))
    words = f"{stored['answers']} answers to hand-over {stored['hand_over_id']}, {stored['new']} of them new"
    show(stored if as_json else [words], as_json)
    return 0


@hand_over.command("list")
@click.argument("campaign")
@WHO
@operation
def list_hand_overs(target: Target, as_json: bool, campaign: str, who: str) -> int:
    """List the hand-overs of CAMPAIGN and their answers."""
    found = hand_over_operation.hand_overs(target, campaign, acting_person(target, who))
    show(found if as_json else [hand_over_operation.line(each) for each in found] or ["none yet"], as_json)
    return 0


@click.command("reconcile")
@click.argument("campaign")
@operation
def reconcile(target: Target, as_json: bool, campaign: str) -> int:
    """Compare the records of CAMPAIGN with the audit trail; exit code 1 when something differs."""
    compared = campaign_records.reconcile(target, campaign)
    show(compared.as_dict() if as_json else compared.lines(), as_json)
    return 1 if compared.differences else 0
