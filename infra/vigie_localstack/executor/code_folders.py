"""A version's /var/task and its layers merged into /opt, as AWS unpacks them."""

import hashlib
import os
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from localstack.services.lambda_.invocation.lambda_models import (
    FunctionVersion,
    HotReloadingCode,
    LayerVersion,
    S3Code,
)
from localstack.services.lambda_.invocation.runtime_executor import LambdaRuntimeException

_PYTHON_SITE = "python/lib/python3.13/site-packages"


@dataclass
class VersionCode:
    """The folders of one function version. `users` counts who still needs `task`."""

    task: Path
    opt: Path | None
    removable: bool
    users: int = 0

    @property
    def python_path(self) -> tuple[Path, ...]:
        """Where layers put Python packages, in AWS's order."""
        return (self.opt / _PYTHON_SITE, self.opt / "python") if self.opt else ()


def merge_into(target: Path, source: Path) -> None:
    """Put every file of `source` into `target`, replacing what an earlier layer put there."""
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, copy_function=_link_over)


def _link_over(source: str, target: str) -> None:
    # A hard link costs no space and outlives the original, which LocalStack deletes on redeployment
    # while a running invocation may still import from it.
    if os.path.lexists(target):
        os.unlink(target)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@dataclass
class CodeFolders:
    """Folders by function version, shared by its environments and removed after the last of them."""

    root: Path
    _versions: dict[str, VersionCode] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def acquire(self, version: FunctionVersion) -> VersionCode:
        """Return the version's folders, made on first use. Every call needs its `release`."""
        with self._lock:
            key = _key(version)
            if key not in self._versions:
                self._versions[key] = self._unpack(version)
            self._versions[key].users += 1
            return self._versions[key]

    def release(self, version: FunctionVersion) -> None:
        """Remove the version's own folder once no process uses it."""
        with self._lock:
            code = self._versions[_key(version)]
            code.users -= 1
            if code.users:
                return
            del self._versions[_key(version)]
        if code.removable:
            shutil.rmtree(code.task, ignore_errors=True)

    def _unpack(self, version: FunctionVersion) -> VersionCode:
        code = version.config.code
        if code is None:
            raise LambdaRuntimeException(f"{version.id.function_name} has no zip archive; images are not run")
        source = _unzipped(code)
        opt = self._merge_layers(version.config.layers)
        if code.is_hot_reloading():
            return VersionCode(source, opt, removable=False)
        task = self.root / "task" / uuid4().hex
        merge_into(task, source)
        return VersionCode(task, opt, removable=True)

    def _merge_layers(self, layers: list[LayerVersion]) -> Path | None:
        """One folder per sequence of layers. It stays: the next deployment mostly uses the same layers."""
        if not layers:
            return None
        sources = [_unzipped(layer.code) for layer in layers if layer.code]
        sequence = "\n".join(map(str, sources))
        opt = self.root / "opt" / hashlib.sha256(sequence.encode()).hexdigest()
        if opt.exists():
            return opt
        unfinished = opt.with_name(uuid4().hex)
        for source in sources:
            merge_into(unfinished, source)
        unfinished.rename(opt)
        return opt


def _key(version: FunctionVersion) -> str:
    identity = version.id
    name = f"{identity.account}/{identity.region}/{identity.function_name}/{identity.qualifier}"
    return f"{name}/{version.config.internal_revision}"


def _unzipped(code: S3Code | HotReloadingCode) -> Path:
    code.prepare_for_execution()
    return Path(code.get_unzipped_code_location())
