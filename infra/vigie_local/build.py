"""Build functions and layers with the standard SAM CLI, only when a source has changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vigie_local.console_steps import run_tool
from vigie_local.errors import StepError
from vigie_local.localstack import CREDENTIALS
from vigie_local.settings import REPOSITORY, LocalSettings, tool_environment

# What the deployed stack is made of; a change anywhere here is a change of the build.
SOURCES = ("template.yaml", "functions", "layers", "infra/statemachine")
_IGNORED = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


@dataclass(frozen=True)
class Build:
    """A finished build: its template, what it was made of, and whether this call made it."""

    template: Path
    fingerprint: str
    fresh: bool


def build(settings: LocalSettings, repository: Path = REPOSITORY) -> Build:
    """Run `sam build` unless the last build was made of the very same sources."""
    folder = settings.build
    stamp = folder / "fingerprint"
    fingerprint = sources_fingerprint(repository, settings.layer_platform)
    template = folder / "template.yaml"
    if template.exists() and stamp.exists() and stamp.read_text() == fingerprint:
        return Build(template, fingerprint, fresh=False)
    shutil.rmtree(folder, ignore_errors=True)
    _run_sam_build(settings, repository, folder)
    stamp.write_text(fingerprint)
    return Build(template, fingerprint, fresh=True)


def sources_fingerprint(repository: Path, platform: str = "") -> str:
    """SHA-256 over names and contents of every source, and the platform of the layers."""
    digest = hashlib.sha256(platform.encode())
    for path in _source_files(repository):
        digest.update(f"\0{path.relative_to(repository).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def sam_environment(settings: LocalSettings) -> dict[str, str]:
    """SAM's environment: our tools first, this local AWS only, none of the operator's own credentials."""
    tools = (settings.tools / "tools" / "bin", settings.tools / "sam" / "bin")
    environment = tool_environment(
        {
            **CREDENTIALS,
            "PATH": os.pathsep.join([*map(str, tools), os.environ.get("PATH", os.defpath)]),
            "AWS_ENDPOINT_URL": settings.endpoint,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "SAM_CLI_TELEMETRY": "0",
            # The home folder may be read-only.
            "__SAM_CLI_APP_DIR": str(settings.home / "sam-settings"),
            **uv_cache(settings),
            # SAM asks for the stack's events every five seconds, which suits AWS.
            "SAM_CLI_POLL_DELAY": "0.5",
            "VIGIE_LAYER_PLATFORM": settings.layer_platform,
        }
    )
    # Make's own variables and our import path are not for the programs that SAM starts.
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "PYTHONPATH", "VIRTUAL_ENV", "MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
        environment.pop(name, None)
    return environment


def uv_cache(settings: LocalSettings) -> dict[str, str]:
    """Return where uv, which builds the layers, keeps what it downloads when its own folder cannot be written."""
    if os.environ.get("UV_CACHE_DIR"):
        return {}
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uv"
    return {} if can_make(usual) else {"UV_CACHE_DIR": str(settings.tools / "cache" / "uv")}


def can_make(folder: Path) -> bool:
    """Return whether this folder can be written, or made."""
    present = next(place for place in (folder, *folder.parents) if place.exists())
    return present.is_dir() and os.access(present, os.W_OK | os.X_OK)


def run_sam(settings: LocalSettings, arguments: Sequence[str], log: str, repository: Path) -> None:
    """Run the SAM CLI of this clone; raise StepError with its log's tail when it fails."""
    program = settings.tools / "sam" / "bin" / "sam"
    if not program.exists():
        raise StepError(f"{program} is missing. Run make, which installs it.")
    settings.home.mkdir(parents=True, exist_ok=True)
    # `sam deploy` leaves an empty folder for each function and layer.
    with tempfile.TemporaryDirectory(
        dir=settings.home, prefix="temporary-sam-", ignore_cleanup_errors=True
    ) as temporary:
        environment = sam_environment(settings) | {"TMPDIR": temporary}
        run_tool([str(program), *arguments], environment, settings.logs / log, repository)


def _run_sam_build(settings: LocalSettings, repository: Path, folder: Path) -> None:
    template = repository / "template.yaml"
    if not template.exists():
        raise StepError(f"{template} is missing: there is nothing to build.")
    arguments = [
        "build", "--template-file", str(template), "--base-dir", str(repository),
        "--build-dir", str(folder), "--config-file", str(repository / "samconfig.toml"), "--config-env", "local",
    ]  # fmt: skip
    run_sam(settings, arguments, "sam-build.log", repository)


def _source_files(repository: Path) -> Iterator[Path]:
    for name in SOURCES:
        top = repository / name
        if top.is_file():
            yield top
        for folder, below, files in os.walk(top):
            below[:] = sorted(set(below) - _IGNORED)
            yield from (Path(folder) / file for file in sorted(files) if not file.endswith(".pyc"))
