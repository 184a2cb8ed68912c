"""What each command of the command line does; each returns the process's exit code."""

from __future__ import annotations

import argparse
import contextlib
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vigie_local import demo_bank, doctor, services, summary
from vigie_local.build import build
from vigie_local.checkpoints import restore_checkpoints
from vigie_local.console_steps import step
from vigie_local.container import names_this_machine
from vigie_local.database_certificate import make_certificate
from vigie_local.demo_campaign import open_demo_campaign
from vigie_local.deploy import deploy, is_broken
from vigie_local.errors import ServiceError
from vigie_local.localstack import aws_client
from vigie_local.migrations import OWNER, apply_migrations, prepare_database
from vigie_local.secrets import (
    endpoint_in_force,
    publish_secrets,
    restore_secrets,
    role_passwords,
    set_role_passwords,
)
from vigie_local.settings import DATABASE, LOOPBACK, LocalSettings
from vigie_operations import redrive as redrive_operation
from vigie_operations import resume as resume_operation
from vigie_operations import run as run_operation
from vigie_operations.errors import RunError
from vigie_operations.private_files import write_private
from vigie_operations.run_report import RunReport, endpoint_line
from vigie_operations.targets import Target, local_target

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# Compose looks for it.
READY_FILE = "vigie-ready"
LOCALHOST_NOTE = (
    "  {given} names this container: the model is asked at {host}, the machine that runs the containers.\n"
    "  A server there has to listen on more than 127.0.0.1 (Ollama: OLLAMA_HOST=0.0.0.0)."
)
Command = Callable[[LocalSettings, argparse.Namespace], int]
WriteSecrets = Callable[[LocalSettings, Any], list[str]]


def up(settings: LocalSettings, _options: argparse.Namespace) -> int:
    """Start the services that a deployment needs."""
    doctor.require_sound(settings)
    print("Services", flush=True)
    services.start_services(services.cloud_services(settings), say)
    return 0


def deploy_stack(
    settings: LocalSettings, options: argparse.Namespace, write_secrets: WriteSecrets = publish_secrets
) -> int:
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
        written = write_secrets(settings, aws_client("secretsmanager", settings.endpoint))
        current.note = f"{len(written)} written" if written else "unchanged"
    with step("Stack vigie") as current:
        current.note = "deployed" if deploy(settings, built) else "unchanged"
        if restored := restore_checkpoints(settings, services.database_server(settings)):
            current.note += f", {restored} published checkpoints put back that LocalStack had forgotten"
    return 0


def deploy_local(settings: LocalSettings, options: argparse.Namespace) -> int:
    """The whole way: from nothing to a finished run and a dashboard."""
    began = time.monotonic()
    services.require_ports(services.all_services(settings))
    deploy_stack(settings, options)
    has_model = demo_bank.fill_bank(settings)
    open_demo_campaign(settings, target_of(settings))
    print(flush=True)
    status = run(settings, options) if has_model else 0
    print(flush=True)
    start_dashboard(settings, options)
    print("\n".join(["", *summary.what_next(settings)]))
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
    """Build functions and layers, and deploy nothing."""
    with step("Functions and layers") as current:
        current.note = "built" if build(settings).fresh else "unchanged"
    return 0


def serve(settings: LocalSettings, options: argparse.Namespace) -> int:
    """Deploy, load the demo bank and wait for the signal to stop; how a container runs the local cloud."""
    # Where no earlier life of the container can have left it: one that was killed is not ready when it is back.
    ready = Path(tempfile.gettempdir()) / READY_FILE
    ready.unlink(missing_ok=True)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        deploy_stack(settings, options)
        demo_bank.fill_bank(settings)
        open_demo_campaign(settings, target_of(settings))
        say_where_calls_go(settings)
        if settings.in_container and names_this_machine(settings.llm_base_url):
            say(LOCALHOST_NOTE.format(given=settings.llm_base_url, host=settings.host_machine))
        ready.touch()
        while not (ended := services.not_running(services.cloud_services(settings))):
            time.sleep(1)
        raise ServiceError(f"Ended on its own: {', '.join(ended)}. Logs: {settings.logs}")
    except KeyboardInterrupt:
        return 0
    finally:
        ready.unlink(missing_ok=True)
        _stop_all(settings)


def make_password(settings: LocalSettings, _options: argparse.Namespace) -> int:
    """Make the superuser's password and the certificate of a database that a container runs; keep those that exist."""
    path = services.database_server(settings).password_file
    make_certificate(path.parent, settings.postgres_host)
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    return 0


def run(settings: LocalSettings, options: argparse.Namespace) -> int:
    """One execution, its progress and its summary; exit code 1 when it did not succeed in full."""
    _require_running(settings)
    return _show([run_operation.run(target_of(settings), getattr(options, "input", ""))])


def resume(settings: LocalSettings, options: argparse.Namespace) -> int:
    """Complete a run from the database; bring back the cloud first where it is gone."""
    services.start_services([services.cloud_services(settings)[0]], say)
    target = target_of(settings)
    resume_operation.require_open(target, options.run_id)

    # Where the run's calls go was settled when it was planned, whatever this shell's variables say.
    def keep_secrets(settings: LocalSettings, secrets_manager: Any) -> list[str]:
        return restore_secrets(settings, secrets_manager, resume_operation.endpoint_of_run(target, options.run_id))

    deploy_stack(settings, options, keep_secrets)
    return _show([resume_operation.resume(target, options.run_id)])


def redrive(settings: LocalSettings, options: argparse.Namespace) -> int:
    """Start another run over those who failed in closed runs."""
    _require_running(settings)
    return _show(redrive_operation.redrive(target_of(settings), options.run_id))


def load(settings: LocalSettings, options: argparse.Namespace) -> int:
    """Load somebody's own CSV files; a bad file is refused whole."""
    _require_running(settings)
    command = ["python", "-m", "model.load", "--data", options.data]
    command += ["--contract", options.contract] if options.contract else []
    command += ["--replace"] if options.replace else []
    return demo_bank.run_with_cloud(settings, command + (["--faults", options.faults] if options.faults else []))


def start_dashboard(settings: LocalSettings, _options: argparse.Namespace) -> int:
    """Start the dashboard."""
    _require_running(settings)
    if settings.dashboard_host != LOOPBACK:
        say(f"The dashboard runs in a container of its own: {settings.dashboard_host}:{settings.dashboard_port}")
        return 0
    services.start_services([services.dashboard_entry(settings)], say)
    return 0


def with_cloud(settings: LocalSettings, options: argparse.Namespace) -> int:
    """Run a program with this local cloud's addresses and the database owner's way in."""
    _require_running(settings)
    return demo_bank.run_with_cloud(settings, options.program)


def status(settings: LocalSettings, _options: argparse.Namespace) -> int:
    """Say which services run, and where calls go."""
    calls_go = ""
    for entry in services.all_services(settings):
        state = "running" if entry.service.is_running() else "not running"
        print(f"  {entry.name:<13} {state:<12} 127.0.0.1:{entry.port}  log: {entry.service.log}")
        if entry.name == "LocalStack" and state == "running" and (line := _where_calls_go(settings)):
            calls_go = f"  {line}"
    for service in services.services_elsewhere(settings):
        state = "running" if service.answers() else "no answer"
        print(f"  {service.name:<13} {state:<12} {service.host}:{service.port}  (not run from here)")
    if calls_go:
        print(calls_go)
    return 0


def down(settings: LocalSettings, _options: argparse.Namespace) -> int:
    """Stop what was started."""
    if settings.in_container:
        raise ServiceError(
            "The containers are stopped from outside: docker compose down (with --volumes to delete what they keep)."
        )
    _stop_all(settings)
    return 0


def _stop_all(settings: LocalSettings) -> None:
    stopped = services.stop_services(services.all_services(settings), say)
    say("Everything is stopped." if stopped else "Nothing was running.")


def clean(settings: LocalSettings, options: argparse.Namespace) -> int:
    """Stop everything and delete the local state."""
    down(settings, options)
    services.database_server(settings).remove()
    if settings.home.exists():
        _remove(settings.home)
        say(f"Removed {settings.home}")
    return 0


def say_where_calls_go(settings: LocalSettings) -> None:
    """Print the model provider that the secret holds now."""
    line = _where_calls_go(settings)
    if line:
        say(line)


def _where_calls_go(settings: LocalSettings) -> str:
    try:
        endpoint = endpoint_in_force(aws_client("secretsmanager", settings.endpoint))
    except RunError as error:
        return str(error)
    return endpoint_line(endpoint) if endpoint else ""


def target_of(settings: LocalSettings) -> Target:
    """Return this local cloud as a target of operations; its database can be reached without LocalStack."""

    def connect(role: str) -> Connection:
        return services.database_server(settings).connect(DATABASE, role, role_passwords(settings.private)[role])

    return replace(local_target(settings.localstack_port, settings.home), connector=connect)


def _show(reports: list[RunReport]) -> int:
    """Print the summaries of runs; return 1 when one of them did not succeed in full."""
    for report in reports:
        print("\n".join(["", *report.lines()]), flush=True)
    return 0 if all(report.status == "succeeded" for report in reports) else 1


def _remove(folder: Path) -> None:
    """Delete a folder; one that is a mount point or a link stays, empty."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


def say(text: str) -> None:
    """Print at once, also into a file or a pipe."""
    print(text, flush=True)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _require_running(settings: LocalSettings) -> None:
    if idle := services.not_running(services.cloud_services(settings)):
        raise RunError(f"Not running: {', '.join(idle)}. Start the local cloud: make deploy-local")
