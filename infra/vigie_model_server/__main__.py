"""Start the local model server: `python -m vigie_model_server --port 4570 [--set latency_ms=200]`."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence

from vigie_model_server import MODEL_ID
from vigie_model_server.server import ModelServer, serve
from vigie_model_server.settings import Settings, SettingsError, from_environment, parsed

KEYS_VARIABLE = "VIGIE_MODEL_SERVER_ACCEPTED_KEYS"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 2 for bad settings, 1 when the port is taken."""
    options = _parser().parse_args(arguments)
    try:
        settings = Settings().changed(from_environment(os.environ) | _given(options.set))
    except SettingsError as error:
        print(f"model server: {error}", file=sys.stderr)
        return 2
    try:
        asyncio.run(_run(ModelServer(settings, access_log=not options.quiet), options.host, options.port))
    except OSError as error:
        print(
            f"model server: cannot listen on {options.host}:{options.port} ({error.strerror}); "
            "choose another port with --port or MODEL_PORT",
            file=sys.stderr,
        )
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m vigie_model_server",
        description=f"{MODEL_ID}: answers Groq's chat protocol from rules, on this machine.",
        epilog=f"Settings can also be given as VIGIE_MODEL_SERVER_<SETTING>; keys only so: {KEYS_VARIABLE}='[\"…\"]'.",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--port", type=int, default=int(os.environ.get("MODEL_PORT", "4570")), help="0 takes a free one"
    )
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting; value as JSON")
    parser.add_argument("--quiet", action="store_true", help="no access log")
    return parser


def _given(pairs: Sequence[str]) -> dict[str, object]:
    settings: dict[str, object] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator:
            raise SettingsError(f"--set {pair}: must be NAME=VALUE")
        if name == "accepted_keys":
            raise SettingsError(f"accepted_keys: give keys in {KEYS_VARIABLE}, arguments are visible to everybody")
        settings[name] = parsed(value)
    return settings


async def _run(server: ModelServer, host: str, port: int) -> None:
    listening = await serve(server, host, port)
    address = listening.sockets[0].getsockname()
    print(f"{MODEL_ID} listens on http://{address[0]}:{address[1]}", flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    listening.close()
    listening.abort_clients()


if __name__ == "__main__":
    sys.exit(main())
