"""Where the model card is."""

from __future__ import annotations

import os
from pathlib import Path

NAME = "MODEL_CARD.md"


def find_card(root: Path) -> Path:
    """Return the card below VIGIE_HOME, where `make model-card` writes in a container, else the repository's."""
    home = os.environ.get("VIGIE_HOME")
    written = Path(home) / "model-card" / NAME if home else root / NAME
    return written if written.exists() else root / NAME
