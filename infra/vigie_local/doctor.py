"""`make doctor`: every cause on this machine that keeps Vigie from running, and its remedy."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator

from vigie_local import machine_checks as checks
from vigie_local.errors import LocalCloudError, MachineError
from vigie_local.machine_checks import Finding
from vigie_local.ports import is_taken
from vigie_local.settings import LocalSettings, load_settings

Check = Callable[[LocalSettings], Iterable[Finding]]


def check_ports(settings: LocalSettings) -> Iterator[Finding]:
    """Ports that another program holds, and which."""
    ours = _own_pids(settings)
    for variable, port in _ports(settings):
        if is_taken(port) and not (owner := _owner(port)) & ours:
            by = f" by {_name(owner)}" if owner else ""
            remedy = f"stop it, or choose another port: {variable}=…"
            yield Finding(f"Port {port} ({variable}) is taken{by}", remedy)


MACHINE: tuple[Check, ...] = (
    checks.check_python, checks.check_folder, checks.check_writing, checks.check_space, checks.check_open_files,
    checks.check_home_folder, checks.check_temporary_folder, checks.check_umask, checks.check_clock,
    checks.check_memory, checks.check_shared_memory, checks.check_account,
)  # fmt: skip
ALL: tuple[Check, ...] = (*MACHINE, check_ports)


def findings(settings: LocalSettings, wanted: Iterable[Check] = ALL) -> list[Finding]:
    """Return what each check finds; one that cannot be made is a finding itself."""
    return [finding for check in wanted for finding in _made(check, settings)]


def require_sound(settings: LocalSettings) -> None:
    """Print what may become trouble.

    Raises:
        MachineError: names everything that keeps Vigie from running, with the remedies.
    """
    found = findings(settings, MACHINE)
    if stopping := [finding for finding in found if finding.stops]:
        raise MachineError("\n".join(["Nothing was started.", *map(line, stopping)]))
    for finding in found:
        print(line(finding), flush=True)


def line(finding: Finding) -> str:
    """Return a finding for people."""
    return f"  {'problem' if finding.stops else 'note   '}  {finding.what}\n    do     {finding.remedy}"


def main() -> int:
    """Print every finding; 1 when one of them keeps Vigie from running."""
    try:
        settings = load_settings()
    except LocalCloudError as error:
        print(f"  problem  {error}")
        return 1
    found = findings(settings)
    for finding in found:
        print(line(finding))
    stopping = sum(finding.stops for finding in found)
    print(f"{stopping} problems, {len(found) - stopping} notes." if found else "This machine is ready for Vigie.")
    return 1 if stopping else 0


def _made(check: Check, settings: LocalSettings) -> list[Finding]:
    try:
        return list(check(settings))
    except Exception as error:  # the doctor looks on, whatever a machine is like
        name = check.__name__.removeprefix("check_").replace("_", " ")
        return [Finding(f"{name}: could not be checked ({type(error).__name__}: {error})", "look yourself", False)]


def _ports(settings: LocalSettings) -> list[tuple[str, int]]:
    return [
        ("POSTGRES_PORT", settings.postgres_port),
        ("LOCALSTACK_PORT", settings.localstack_port),
        ("MODEL_PORT", settings.model_port),
        ("DASHBOARD_PORT", settings.dashboard_port),
    ]


def _own_pids(settings: LocalSettings) -> set[int]:
    pids = set()
    for path in settings.run.glob("*.pid"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            pids.add(int(json.loads(path.read_text())["pid"]))
    return pids


def _owner(port: int) -> set[int]:
    """Return the processes that listen on a port, as far as this account may know."""
    try:
        import psutil
    except ImportError:  # before anything is installed
        return set()
    with contextlib.suppress(psutil.Error):
        connections = psutil.net_connections("tcp")
        return {
            one.pid for one in connections
            if one.pid and one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port
        }  # fmt: skip
    return set()


def _name(pids: set[int]) -> str:
    import psutil

    names = []
    for pid in sorted(pids):
        with contextlib.suppress(psutil.Error):
            names.append(f"{psutil.Process(pid).name()} (process {pid})")
    return ", ".join(names)


if __name__ == "__main__":
    sys.exit(main())
