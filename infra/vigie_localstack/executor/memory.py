"""How much memory a process uses, as far as the system reports it: Linux by /proc, macOS by libproc."""

import ctypes
import functools
import os
import struct
import sys

_MACOS_TASK_INFO = 4
_MACOS_TASK_INFO_BYTES = 96


def resident_memory(pid: int) -> int:
    """Bytes of the process that are in memory now; 0 where the system does not say."""
    if sys.platform == "darwin":
        return _macos_resident(pid)
    try:
        with open(f"/proc/{pid}/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def peak_memory(pid: int) -> int:
    """Most bytes the process had in memory since it started; 0 where the system does not say."""
    try:
        with open(f"/proc/{pid}/status", "rb") as status:
            for line in status:
                if line.startswith(b"VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


@functools.cache
def _libproc() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL("/usr/lib/libproc.dylib")
    except OSError:
        return None


def _macos_resident(pid: int) -> int:
    # struct proc_taskinfo begins with uint64 virtual_size, uint64 resident_size.
    library = _libproc()
    buffer = ctypes.create_string_buffer(_MACOS_TASK_INFO_BYTES)
    if library is None:
        return 0
    got = library.proc_pidinfo(pid, _MACOS_TASK_INFO, ctypes.c_uint64(0), buffer, _MACOS_TASK_INFO_BYTES)
    return int(struct.unpack_from("QQ", buffer.raw)[1]) if got == _MACOS_TASK_INFO_BYTES else 0
