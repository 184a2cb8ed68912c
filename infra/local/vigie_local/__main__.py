"""The command line of the local cloud: `python -m vigie_local --help`. Each make target calls one command."""

from __future__ import annotations

import argparse
import sys

from vigie_local import commands
from vigie_local.errors import LocalCloudError
from vigie_local.settings import load_settings


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return commands.COMMANDS[options.command](load_settings(), options)
    except LocalCloudError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vigie_local", description="Vigie's local cloud.")
    add = parser.add_subparsers(dest="command", required=True, metavar="command").add_parser
    add("up", help="start PostgreSQL, LocalStack and the model server")
    add("status", help="say what runs")
    add("down", help="stop everything that was started")
    add("clean", help="stop everything and delete the local state")
    return parser


if __name__ == "__main__":
    sys.exit(main())
