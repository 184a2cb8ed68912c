"""Start LocalStack, patched: `python -m vigie_localstack.gateway`."""

from __future__ import annotations

import os
import sys

from vigie_localstack.version import LocalStackVersionError, require_pinned_version

# Names of patches to do without, separated by commas: for seeing whether LocalStack still needs them.
WITHOUT = "VIGIE_LOCALSTACK_WITHOUT"


def main() -> None:
    """Run LocalStack in this process until the signal to stop."""
    try:
        require_pinned_version()
    except LocalStackVersionError as error:
        sys.exit(str(error))
    from vigie_localstack.patches import install_patches

    install_patches([name for name in os.environ.get(WITHOUT, "").split(",") if name])
    from localstack.runtime.main import main as run_localstack

    run_localstack()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
