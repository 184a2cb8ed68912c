"""The `vigie` command: operations on a deployed stack, in the local cloud or on AWS."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import uuid
from collections.abc import Iterable
from pathlib import Path

import click

from vigie_operations import audit_export, logs, status, subject_access
from vigie_operations import redrive as redrive_operation
from vigie_operations import resume as resume_operation
from vigie_operations import run as run_operation
from vigie_operations.campaign_cli import campaigns, offers, people
from vigie_operations.cli_frame import operation, show
from vigie_operations.run_report import RunReport
from vigie_operations.targets import STACK, Target, aws_target, local_target

REPOSITORY = Path(__file__).resolve().parents[2]
LOCALSTACK_PORT = 4566


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--target", type=click.Choice(["local", "aws"]), default="local", show_default=True, envvar="VIGIE_TARGET",
    help="Where the stack is deployed.",
)  # fmt: skip
@click.option("--stack", default=STACK, show_default=True, help="Name of the stack on AWS.")
@click.option("--region", help="AWS region; boto3's default chain unless given.")
@click.option("--profile", help="AWS profile; boto3's default chain unless given.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def vigie(
    context: click.Context, target: str, stack: str, region: str | None, profile: str | None, as_json: bool
) -> None:
    """Operate a deployed Vigie stack.

    \b
    Examples:
      vigie run --input '{"limit": 50}'            run 50 customers in the local cloud
      vigie --target aws --region eu-west-3 status show the stack of an AWS account
      vigie --target aws audit verify              export the audit log and verify it offline

    Exit codes: 0 done; 1 the run did not succeed in full, or the log is not valid; 2 the operation could not be
    carried out.
    """
    context.obj = (functools.partial(choose_target, target, stack, region, profile), as_json)


def choose_target(name: str, stack: str, region: str | None, profile: str | None) -> Target:
    """Return the target that the options name. The local one is where LOCALSTACK_PORT and VIGIE_HOME say.

    Raises:
        TargetError: no region is configured, or the profile does not exist.
    """
    if name == "aws":
        return aws_target(stack, region, profile)
    home = Path(os.environ.get("VIGIE_HOME") or REPOSITORY / ".local")
    return local_target(int(os.environ.get("LOCALSTACK_PORT") or LOCALSTACK_PORT), home)


@vigie.command()
@click.option("--input", "text", default="", help='The execution\'s input as JSON, such as {"limit": 50}.')
@operation
def run(target: Target, as_json: bool, text: str) -> int:
    """Start a run, follow it to its end and print the summary."""
    return show_reports(target, [run_operation.run(target, text)], as_json)


@vigie.command()
@click.argument("run_id")
@operation
def resume(target: Target, as_json: bool, run_id: str) -> int:
    """Complete the run RUN_ID, whose execution was lost or failed."""
    return show_reports(target, [resume_operation.resume(target, run_id)], as_json)


@vigie.command()
@click.argument("run_id", default="")
@operation
def redrive(target: Target, as_json: bool, run_id: str) -> int:
    """Process again the customers that failed in closed runs, or in RUN_ID alone."""
    return show_reports(target, redrive_operation.redrive(target, run_id), as_json)


@vigie.command("status")
@operation
def show_status(target: Target, as_json: bool) -> int:
    """Show the stack, the latest runs and the messages that wait or were given up."""
    found = status.read_status(target)
    show(found.as_dict() if as_json else found.lines(), as_json)
    return 0


@vigie.command("logs")
@click.option("--agent", default="", help=f"One of {', '.join(logs.AGENTS)}; all by default.")
@click.option("--follow/--no-follow", default=True, show_default=True, help="Wait for more lines.")
@click.option("--json", "raw", is_flag=True, help="Print the JSON lines as the agents wrote them.")
@click.option("--since", type=float, default=15, show_default=True, metavar="MINUTES", help="How far back to begin.")
@operation
def show_logs(target: Target, as_json: bool, agent: str, follow: bool, raw: bool, since: float) -> int:
    """Follow the agents' structured logs."""
    with contextlib.suppress(KeyboardInterrupt):
        logs.show_logs(target, agent, raw=raw or as_json, follow=follow, since_s=since * 60)
    return 0


@vigie.group()
def audit() -> None:
    """Export, prove and verify the audit trail."""


OUT = click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder to write to.")


@audit.command("export")
@click.argument("run_id", default="")
@OUT
@operation
def export_run(target: Target, as_json: bool, run_id: str, out: Path | None) -> int:
    """Write the newest run, or RUN_ID, for an auditor: CSV, JSON Lines and a cover sheet."""
    files = audit_export.write_run(target, run_id, out)
    folder = files[0].parent
    sizes = {path.name: path.stat().st_size for path in files}
    lines = [str(folder), *(f"  {name:<16} {size:>10} bytes" for name, size in sizes.items())]
    show({"folder": str(folder), "files": sizes} if as_json else lines, as_json)
    return 0


@audit.command("verify")
@OUT
@click.option("--trust", type=click.Path(path_type=Path, dir_okay=False), help="Your file that pins key and log.")
@click.option("--key", type=click.Path(dir_okay=False), help="The log's first key (a file); the stack's unless given.")
@click.option("--origin", help="The name of the log; what the trust file pins unless given.")
@click.option("--witness-key", multiple=True, metavar="NAME+ID+KEY", help="A witness you trust; repeat for more.")
@click.option("--required", type=int, metavar="N", help="How many of them must have cosigned; all by default.")
@operation
def verify_log(
    target: Target,
    as_json: bool,
    out: Path | None,
    trust: Path | None,
    key: str | None,
    origin: str | None,
    witness_key: tuple[str, ...],
    required: int | None,
) -> int:
    """Export the whole log and verify it offline; exit code 1 when it is not valid."""
    exported = audit_export.export_log(target, out, trust)
    click.echo("\n".join(exported.lines()), err=as_json)
    extra = [word for each in witness_key for word in ("--witness-key", each)]
    extra += [word for name, value in (("--key", key), ("--origin", origin)) if value for word in (name, value)]
    extra += ["--required", str(required)] if required is not None else []
    return exported.verify(as_json, extra)


@audit.command("keys")
@operation
def show_keys(target: Target, as_json: bool) -> int:
    """Print the log's public keys, for witnesses and for other people's tools."""
    show(audit_export.verifier_keys(target), as_json)
    return 0


@audit.command("change-key")
@click.argument("new_key")
@operation
def change_key(target: Target, as_json: bool, new_key: str) -> int:
    """Have the present key state, in the store, that NEW_KEY (an ARN of KMS) signs from here on."""
    note = audit_export.record_key_change(target, target.audit_key, new_key)
    show({"statement": note} if as_json else [note], as_json)
    return 0


@audit.command("prove-event")
@click.argument("event_id", type=click.UUID)
@OUT
@operation
def prove_event(target: Target, as_json: bool, event_id: uuid.UUID, out: Path | None) -> int:
    """Write the proof that EVENT_ID is in the signed log."""
    show_proof(audit_export.write_inclusion(target, str(event_id), out), as_json)
    return 0


@audit.command("prove-growth")
@click.option("--first", type=int, metavar="SIZE", help="The oldest checkpoint by default.")
@click.option("--second", type=int, metavar="SIZE", help="The newest checkpoint by default.")
@OUT
@operation
def prove_growth(target: Target, as_json: bool, first: int | None, second: int | None, out: Path | None) -> int:
    """Write the proof that the log only grew between two checkpoints."""
    show_proof(audit_export.write_consistency(target, first, second, out), as_json)
    return 0


@vigie.group()
def customer() -> None:
    """Answer a customer's requests."""


@customer.command("export")
@click.argument("customer_id", type=click.UUID)
@OUT
@operation
def export_customer(target: Target, as_json: bool, customer_id: uuid.UUID, out: Path | None) -> int:
    """Export everything held and done about CUSTOMER_ID (GDPR 15)."""
    answer = subject_access.export_customer(target, customer_id, out)
    show(answer.as_dict() if as_json else answer.lines(), as_json)
    return 0


def show_reports(target: Target, reports: Iterable[RunReport], as_json: bool) -> int:
    """Print the summaries of runs; return the exit code: 1 when one of them did not succeed in full."""
    found = list(reports)
    if as_json:
        click.echo(json.dumps([report.as_dict() for report in found], indent=2))
    else:
        for report in found:
            click.echo("\n".join(["", *report.lines(target.command("redrive", report.run_id))]))
    return 0 if all(report.status == "succeeded" for report in found) else 1


def show_proof(proof: audit_export.WrittenProof, as_json: bool) -> None:
    """Print where a proof was written, and how to check it."""
    show(proof.as_dict() if as_json else proof.lines(), as_json)


for group in (people, offers, campaigns):
    vigie.add_command(group)
