"""Where the labelled data of a contract is."""

import os
import tempfile
from pathlib import Path

from model.contract import Contract
from model.synthesise import SEED, synthesise

TELECOM_SOURCE = "IBM/telco-customer-churn-on-icp4d, data/Telco-Customer-Churn.csv"
HISTORY = "history.csv"


class SourceError(ValueError):
    """When a contract's labelled data is not at hand; names where to get it."""


def find_training_data(contract: Contract, given: Path | None = None) -> Path:
    """The labelled CSV: the one given (or `history.csv` in the folder given), or a shipped contract's own.

    The bank's is drawn anew, the telecom one is read from the shared data.
    """
    if given:
        return given / HISTORY if given.is_dir() else given
    if contract.name == "bank":
        folder = Path(tempfile.mkdtemp(prefix="vigie-history-"))
        synthesise(folder, customers=1, seed=SEED, history=4000)
        return folder / HISTORY
    if contract.name == "telecom":
        return find_telecom()
    raise SourceError(f"contract {contract.name}: name the labelled file with DATA=path (--data path)")


def find_telecom() -> Path:
    """The public telecom file, in $VIGIE_DATA or the shared data folder beside the repository."""
    shared = Path(os.environ.get("VIGIE_DATA") or Path(__file__).parents[1] / "../shared/data")
    path = shared / "telco-customer-churn.csv"
    if not path.is_file():
        raise SourceError(f"no {path}; get it from GitHub, {TELECOM_SOURCE}, or name a file with DATA=path")
    return path
