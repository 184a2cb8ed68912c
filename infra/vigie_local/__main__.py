"""The command line of the local cloud: `python -m vigie_local --help`. Each make target calls one command."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import resource
import sys

from vigie.command_line import run_command
from vigie_local import commands
from vigie_local.settings import load_settings
from vigie_operations.errors import OperationError

# The machine's doing, not a fault of this program: nothing is gained by showing where it was met.
_MACHINE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EMFILE, errno.ENFILE, errno.ENOMEM}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code."""
    options = parser().parse_args(arguments)
    command: commands.Command = options.run
    raise_open_files()
    ask_this_machine_directly()
    try:
        return command(load_settings(), options)
    except OperationError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. Services that were started keep running; make down stops them.", file=sys.stderr)
        return 130
    except OSError as error:
        if error.errno not in _MACHINE_ERRORS:
            raise
        print(f"\n{error}\nWhat keeps this machine from running Vigie: make doctor", file=sys.stderr)
        return 1


def raise_open_files(wanted: int = 8192) -> None:
    """Allow as many open files as this account may have: some systems begin with 256, and services inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def ask_this_machine_directly() -> None:
    """Keep what is asked of this machine's own services away from a proxy that the shell names."""
    for name in ("no_proxy", "NO_PROXY"):
        kept = [part.strip() for part in os.environ.get(name, "").split(",") if part.strip()]
        os.environ[name] = ",".join([*kept, *(own for own in ("127.0.0.1", "localhost") if own not in kept)])


def parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    top = argparse.ArgumentParser(prog="vigie_local", description="Vigie's local cloud.")
    group = top.add_subparsers(required=True, metavar="command")

    def add(name: str, run: commands.Command, text: str) -> argparse.ArgumentParser:
        command = group.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    for name in ("deploy-local", "run"):
        text = "everything, from nothing to a run and a dashboard" if name == "deploy-local" else "one more run"
        command = add(name, commands.deploy_local if name == "deploy-local" else commands.run, text)
        command.add_argument("--input", default="", help='the execution input as JSON, such as {"limit": 50}, or @file')
    resume = add("resume", commands.resume, "complete a run whose execution was lost or failed")
    resume.add_argument("--run", required=True, dest="run_id", help="the run's id")
    redrive = add("redrive", commands.redrive, "make anew what closed runs lost or failed")
    redrive.add_argument("--run", default="", dest="run_id", help="one run; all closed ones by default")
    add("up", commands.up, "start PostgreSQL, LocalStack and the model server")
    add("deploy", commands.deploy_stack, "start the services and deploy schema, secrets and stack")
    add("build", commands.build_only, "build functions and layers")
    add("serve", commands.serve, "deploy and stay until stopped by a signal (how a container runs it)")
    add("make-password", commands.make_password, "make the password of a database that a container runs")
    add("dashboard", commands.start_dashboard, "start the dashboard")
    add("status", commands.status, "say which services run")
    add("down", commands.down, "stop everything that was started")
    add("clean", commands.clean, "stop everything and delete the local state")
    _add_load(add("load", commands.load, "load your own CSV files"))
    tool = add("with-cloud", commands.with_cloud, "run a program with the local cloud's addresses")
    tool.add_argument("program", nargs=argparse.REMAINDER, help="such as: python -m model.train")
    return top


def _add_load(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", required=True, help="a folder of CSV files, or one CSV with --contract")
    command.add_argument("--contract", default="", help="the feature contract the data follow")
    command.add_argument("--faults", default="", help="write every fault of a refused file to this CSV")
    command.add_argument("--replace", action="store_true", help="replace the customers of this contract")


if __name__ == "__main__":
    run_command(main)
