"""The command: python -m vigie_witness --home FOLDER --name NAME --log KEY

On its first start it makes its key in that folder. Run it under an account, better on a machine, that the log's owner
has no access to: what it proves is that somebody else has seen the same log.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from vigie.verify import ECDSA, ED25519, VerifierKey, parse_verifier_key
from vigie_witness.server import make_server
from vigie_witness.state import WitnessError, WitnessState
from vigie_witness.witness import Witness


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the witness until it is stopped; return 2 when it cannot start."""
    parser = argparse.ArgumentParser("vigie_witness", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="the witness's own folder")
    parser.add_argument("--name", default="", help="its name, one word, such as bank.example/w1; needed the first time")
    parser.add_argument(
        "--log", action="append", default=[], metavar="NAME+ID+KEY", help="a log to witness; repeatable"
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=7380, help="the port to listen on (default: 7380)")
    parser.add_argument("--show-key", action="store_true", help="print the witness's verifier key, and do nothing else")
    options = parser.parse_args(arguments)
    try:
        state = WitnessState(options.home, options.name)
        if options.show_key:
            print(state.verifier_key)
            return 0
        server = make_server(Witness(state, _logs(options.log)), options.host, options.port)
    except (WitnessError, OSError, ValueError) as error:
        print(f"The witness cannot start: {error}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"Witness {state.name} on http://{options.host}:{server.server_port}, its folder: {options.home}")
    print(f"Its key, for who verifies: {state.verifier_key}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
    return 0


def _logs(texts: Sequence[str]) -> list[VerifierKey]:
    logs = [parse_verifier_key(text) for text in texts]
    if not logs:
        raise ValueError("no log: give --log NAME+ID+KEY, which `make audit-keys` prints")
    for log in logs:
        if log.kind not in (ECDSA, ED25519):
            raise ValueError(f"--log {log.name}: this is a witness's key, not a log's")
    return logs


if __name__ == "__main__":
    sys.exit(main())
