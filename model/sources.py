"""Where the labelled data of a contract is."""

import os
from pathlib import Path

from model.contract import Contract
from model.synthesise import SEED, synthesise

TELECOM_SOURCE = "IBM/telco-customer-churn-on-icp4d, data/Telco-Customer-Churn.csv"
HISTORY = "history.csv"


class SourceError(ValueError):
    """When a contract's labelled data is not at hand; names where to get it."""


def find_training_data(contract: Contract, given: Path | None = None) -> Path:
    """The labelled CSV: the one given (or `history.csv` in the folder given), or a shipped contract's own.

    The bank's is the demo bank's own history, drawn where there is none; the telecom one is shared data.
    """
    if given:
        return given / HISTORY if given.is_dir() else given
    if contract.name == "bank":
        return _demo_history()
    if contract.name == "telecom":
        return find_telecom()
    raise SourceError(f"contract {contract.name}: name the labelled file with DATA=path (--data path)")


def local_home() -> Path:
    """Where local state is kept: VIGIE_HOME, or .local in the repository."""
    return Path(os.environ.get("VIGIE_HOME") or Path(__file__).parents[1] / ".local")


def evaluation_file(contract: str) -> Path:
    """Where `make evaluate` leaves its figures for the model card."""
    return local_home() / "model" / contract / "evaluation.json"


def _demo_history() -> Path:
    loaded = local_home() / "bank" / HISTORY
    if loaded.is_file():
        return loaded
    drawn = local_home() / "model" / "bank" / "drawn"
    synthesise(drawn, customers=1, seed=SEED, history=4000)
    return drawn / HISTORY


def find_telecom() -> Path:
    """The public telecom file, in $VIGIE_DATA or the shared data folder next to the repository."""
    shared = Path(os.environ.get("VIGIE_DATA") or Path(__file__).parents[1] / "../shared/data")
    path = shared / "telco-customer-churn.csv"
    if not path.is_file():
        raise SourceError(f"no {path}; get it from GitHub, {TELECOM_SOURCE}, or name a file with DATA=path")
    return path
