"""What each command of the command line does."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable

from vigie_local import services
from vigie_local.settings import LocalSettings


def up(settings: LocalSettings, _options: argparse.Namespace) -> int:
    """Starts the services that a deployment needs."""
    print("Services")
    services.start_services(services.cloud_services(settings), print)
    return 0


def status(settings: LocalSettings, _options: argparse.Namespace) -> int:
    """Says which services run; exit code 1 when one does not."""
    entries = services.all_services(settings)
    for entry in entries:
        state = "running" if entry.service.is_running() else "not running"
        print(f"  {entry.name:<13} {state:<12} 127.0.0.1:{entry.port}  log: {entry.service.log}")
    return 0 if all(entry.service.is_running() for entry in entries) else 1


def down(settings: LocalSettings, _options: argparse.Namespace) -> int:
    """Stops what was started."""
    stopped = services.stop_services(services.all_services(settings), print)
    print("Everything is stopped." if stopped else "Nothing was running.")
    return 0


def clean(settings: LocalSettings, options: argparse.Namespace) -> int:
    """Stops everything and deletes the local state."""
    down(settings, options)
    services.database_server(settings).remove()
    if settings.home.exists():
        shutil.rmtree(settings.home)
        print(f"Removed {settings.home}")
    return 0


COMMANDS: dict[str, Callable[[LocalSettings, argparse.Namespace], int]] = {
    "up": up,
    "status": status,
    "down": down,
    "clean": clean,
}
