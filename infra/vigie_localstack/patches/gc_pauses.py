"""Collect garbage without long pauses.

Works around: LocalStack keeps every log line and history in memory. Python looks through all that a process holds when
that has grown by a quarter, and stops it meanwhile: LocalStack for a second at a time once it holds a few runs, and
with it every hand-over between two agents.
Tested by: tests/unit/localstack/test_gc_pauses.py, and tests/integration/localstack/test_patches.py.
Can go: when LocalStack keeps logs and histories outside its memory, or Python collects a large heap bit by bit.
"""

from __future__ import annotations

import gc


def install() -> None:
    """Leave what a full collection of this process finds alive out of all later ones.

    Objects that refer to each other in a circle and are given up later are not freed; others are, as ever.
    """
    if _keep_survivors not in gc.callbacks:
        gc.callbacks.append(_keep_survivors)


def _keep_survivors(phase: str, info: dict[str, int]) -> None:
    if phase == "stop" and info["generation"] == 2:
        gc.freeze()
