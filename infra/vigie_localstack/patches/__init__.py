"""Patches of LocalStack's open edition, one per file: what each works around, how it is tested, when it can go.

All are written for one version (`vigie_localstack.version`); docs/decisions/0018-localstack-pinned-and-patched.md says
why, and how to do without.
"""

from __future__ import annotations

from collections.abc import Collection

from vigie_localstack.patches import (
    gc_pauses,
    json_paths,
    listening_address,
    log_filtering,
    message_metrics,
    object_folders,
    other_sites,
    queue_polling,
    signing_keys,
)

# `json_paths` comes before LocalStack is imported, which all others may do. `log_copies` is the executor's.
PATCHES = (
    json_paths, listening_address, other_sites, object_folders, message_metrics, queue_polling, log_filtering,
    gc_pauses, signing_keys,
)  # fmt: skip


def name_of(patch: object) -> str:
    """Return a patch's name: its module's."""
    return str(vars(patch)["__name__"]).rpartition(".")[2]


def install_patches(left_out: Collection[str] = ()) -> None:
    """Install every patch in this process but those left out by name.

    Raises:
        ValueError: no patch has one of these names.
    """
    names = {name_of(patch) for patch in PATCHES}
    if unknown := set(left_out) - names:
        raise ValueError(f"{', '.join(sorted(unknown))}: no such patch; there are {', '.join(sorted(names))}")
    for patch in PATCHES:
        if name_of(patch) not in left_out:
            patch.install()
