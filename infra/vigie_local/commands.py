"""What each command of the command line does; each returns the process's exit code."""

from __future__ import annotations

import argparse
import contextlib
import secrets
import shutil
import signal
import time
from collections.abc import Callable

from vigie_local import bank, services
from vigie_local.build import build
from vigie_local.deploy import deploy, is_broken
from vigie_local.errors import RunError, ServiceError
from vigie_local.localstack import aws_client
from vigie_local.migrations import OWNER, apply_migrations, prepare_database
from vigie_local.postgres import write_private
from vigie_local.secrets import publish_secrets, role_passwords, set_role_passwords
from vigie_local.settings import LocalSettings
from vigie_local.steps import step
from vigie_operations import logs, report
from vigie_operations import redrive as redriving
from vigie_operations import resume as going_on
from vigie_operations.run import run as run_once

Command = Callable[[LocalSettings, argparse.Namespace], int]


def up(settings: LocalSettings, _options: argparse.Namespace) -> int:
    """Starts the services that a deployment needs."""
    print("Services", flush=True)
    services.start_services(services.cloud_services(settings), say)
    return 0


def deploy_stack(settings: LocalSettings, options: argparse.Namespace) -> int:
    """Services, schema, stack and secrets: everything but data and a run."""
    up(settings, options)
    print("Deployment", flush=True)
    if is_broken(settings):
        say("  The last deployment broke off: LocalStack starts afresh")
        services.restart_local_aws(settings)
    prepare_schema(settings)
    with step("Functions and layers") as current:
        built = build(settings)
        current.note = "built" if built.fresh else "unchanged"
    with step("Secrets") as current:
        written = publish_secrets(settings, aws_client("secretsmanager", settings.endpoint))
        current.note = f"{len(written)} written" if written else "unchanged"
    with step("Stack vigie") as current:
        current.note = "deployed" if deploy(settings, built) else "unchanged"
    return 0


def deploy_local(settings: LocalSettings, options: argparse.Namespace) -> int:
    """The whole way: from nothing to a finished run and a dashboard."""
    began = time.monotonic()
    services.require_ports(services.all_services(settings))
    deploy_stack(settings, options)
    bank.fill_bank(settings)
    print(report.provider_line(settings.provider), flush=True)
    print(flush=True)
    status = run(settings, options)
    print(flush=True)
    start_dashboard(settings, options)
    print("\n".join(["", *report.what_next(settings)]))
    print(f"\nReady in {time.monotonic() - began:.0f} s.", flush=True)
    return status


def prepare_schema(settings: LocalSettings) -> None:
    """Database, migrations, and every role's password."""
    server = services.database_server(settings)
    passwords = role_passwords(settings.private)
    with step("Schema") as current:
        prepare_database(server, passwords[OWNER])
        applied = apply_migrations(server, passwords[OWNER])
        set_role_passwords(server, passwords)
        current.note = f"{len(applied)} migrations applied" if applied else "up to date"


def build_only(settings: LocalSettings, _options: argparse.Namespace) -> int:
    """Builds functions and layers, and deploys nothing."""
    with step("Functions and layers") as current:
        current.note = "built" if build(settings).fresh else "unchanged"
    return 0


def serve(settings: LocalSettings, options: argparse.Namespace) -> int:
    """Deploys, loads the demo bank, stays until told to stop; how a container runs the local cloud."""
    ready = settings.home / "ready"
    ready.unlink(missing_ok=True)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        deploy_stack(settings, options)
        bank.fill_bank(settings)
        say(report.provider_line(settings.provider))
        ready.touch()
        while not (ended := services.not_running(services.cloud_services(settings))):
            time.sleep(1)
        raise ServiceError(f"Ended on its own: {', '.join(ended)}. Logs: {settings.logs}")
    except KeyboardInterrupt:
        return 0
    finally:
        ready.unlink(missing_ok=True)
        down(settings, options)


def make_password(settings: LocalSettings, _options: argparse.Namespace) -> int:
    """Makes the superuser's password for a database that a container runs; keeps one that exists."""
    path = services.database_server(settings).password_file
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    return 0


def run(settings: LocalSettings, options: argparse.Namespace) -> int:
    """One execution, its progress and its summary; exit code 1 when it did not succeed in full."""
    _require_running(settings)
    finished = run_once(settings, getattr(options, "input", ""))
    print("\n".join(["", *finished.lines()]), flush=True)
    return 0 if finished.status == "succeeded" else 1


def resume(settings: LocalSettings, options: argparse.Namespace) -> int:
    """Completes a run from the database; brings back the cloud first where it is gone."""
    services.start_services([services.cloud_services(settings)[0]], say)
    going_on.require_open(settings, options.run_id)
    deploy_stack(settings, options)
    finished = going_on.resume(settings, options.run_id)
    print("\n".join(["", *finished.lines()]), flush=True)
    return 0 if finished.status == "succeeded" else 1


def redrive(settings: LocalSettings, options: argparse.Namespace) -> int:
    """Starts another run over those who failed in closed runs."""
    _require_running(settings)
    finished = redriving.redrive(settings, options.run_id)
    return 0 if all(report.status == "succeeded" for report in finished) else 1


def load(settings: LocalSettings, options: argparse.Namespace) -> int:
    """Loads somebody's own CSV files; a bad file is refused whole."""
    _require_running(settings)
    command = ["python", "-m", "model.load", "--data", options.data]
    command += ["--contract", options.contract] if options.contract else []
    command += ["--replace"] if options.replace else []
    return bank.run_with_cloud(settings, command + (["--faults", options.faults] if options.faults else []))


def follow_logs(settings: LocalSettings, options: argparse.Namespace) -> int:
    """The agents' logs, until interrupted."""
    with contextlib.suppress(KeyboardInterrupt):
        logs.show_logs(settings, options.agent, options.json, not options.no_follow, options.since * 60)
    return 0


def start_dashboard(settings: LocalSettings, _options: argparse.Namespace) -> int:
    """Starts the dashboard."""
    _require_running(settings)
    services.start_services([services.dashboard_entry(settings)], say)
    return 0


def with_cloud(settings: LocalSettings, options: argparse.Namespace) -> int:
    """Runs a program with this local cloud's addresses and the database owner's way in."""
    _require_running(settings)
    return bank.run_with_cloud(settings, options.program)


def status(settings: LocalSettings, _options: argparse.Namespace) -> int:
    """Says which services run."""
    for entry in services.all_services(settings):
        state = "running" if entry.service.is_running() else "not running"
        print(f"  {entry.name:<13} {state:<12} 127.0.0.1:{entry.port}  log: {entry.service.log}")
    return 0


def down(settings: LocalSettings, _options: argparse.Namespace) -> int:
    """Stops what was started."""
    stopped = services.stop_services(services.all_services(settings), say)
    say("Everything is stopped." if stopped else "Nothing was running.")
    return 0


def clean(settings: LocalSettings, options: argparse.Namespace) -> int:
    """Stops everything and deletes the local state."""
    down(settings, options)
    services.database_server(settings).remove()
    if settings.home.exists():
        shutil.rmtree(settings.home)
        say(f"Removed {settings.home}")
    return 0


def say(text: str) -> None:
    """Prints at once, also into a file or a pipe."""
    print(text, flush=True)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _require_running(settings: LocalSettings) -> None:
    if idle := services.not_running(services.cloud_services(settings)):
        raise RunError(f"Not running: {', '.join(idle)}. Start the local cloud: make deploy-local")
