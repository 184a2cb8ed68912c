"""Approve a registered model, return to the one before, or list the registered models."""

import argparse
import getpass
import sys
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from model.contract import ContractError, contract_path, load_contract
from model.database import DatabaseUnknownError, connect
from model.registry import Registered, RegistryError, approve, current, list_versions, newest_candidate, rollback
from vigie.command_line import run_command
from vigie_scoring.errors import ScorerError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: `python -m model.promote --contract bank [--version V | --rollback | --list]`."""
    parser = argparse.ArgumentParser(prog="python -m model.promote", description=__doc__)
    parser.add_argument("--contract", default="bank", help="a shipped contract's name, or a path")
    parser.add_argument("--by", default=getpass.getuser(), help="who approves")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--version", help="default: the newest candidate")
    what.add_argument("--rollback", action="store_true", help="approve again the version before this one")
    what.add_argument("--list", action="store_true", help="change nothing")
    parser.add_argument("--reason", default="", help="why, for a model that is no better than the base rate")
    parser.add_argument("--dsn", help="database; by default what PGHOST and its kin name")
    given = parser.parse_args(arguments)
    try:
        with closing(connect(given.dsn)) as conn:
            name = _name_of(conn, given.contract)
            if given.rollback:
                print(_approved(rollback(conn, name, given.by), "approved again"))
            elif not given.list:
                version = given.version or _newest(conn, name)
                print(_approved(approve(conn, version, given.by, given.reason), "approved"))
            print(_listing(conn, name))
    except (ContractError, DatabaseUnknownError, RegistryError, ScorerError) as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


def _name_of(conn: "Connection", contract: str) -> str:
    # The registry holds its contracts itself: their files may be elsewhere, or gone.
    known = not contract_path(contract).is_file() and list_versions(conn, contract)
    return contract if known else load_contract(contract).name


def _approved(model: Registered, how: str) -> str:
    warnings = [f"  {line}" for line in model.metrics.get("warnings", ())]
    return "\n".join([f"{how}: {model.version}; make run covers the customers of {model.contract}", *warnings])


def _newest(conn: "Connection", contract: str) -> str:
    if (found := newest_candidate(conn, contract)) is None:
        known = current(conn, contract)
        again = f"; VERSION={known.version} lets runs use the approved one again" if known else ""
        raise RegistryError(f"contract {contract}: no candidate is waiting; make train registers one{again}")
    return found.version


def _listing(conn: "Connection", contract: str) -> str:
    lines = [f"  {r.version:<40} {r.algorithm:<20} {r.state}" for r in list_versions(conn, contract)]
    return "\n".join([f"models of contract {contract}, oldest first:", *lines])


if __name__ == "__main__":
    run_command(main)
