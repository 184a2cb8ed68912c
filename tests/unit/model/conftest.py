"""A small labelled bank, and the public telecom set where it is at hand."""

from pathlib import Path

import pytest

from model.contract import load_contract
from model.sources import SourceError, find_telecom
from model.synthesise import synthesise
from model.validate import Table, read_table


@pytest.fixture(scope="session")
def bank_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bank")
    synthesise(folder, customers=60, seed=3, history=1500)
    return folder


@pytest.fixture(scope="session")
def history(bank_folder: Path) -> Table:
    return read_table(bank_folder / "history.csv", load_contract("bank"), labelled=True)


@pytest.fixture(scope="session")
def telecom() -> Table:
    try:
        path = find_telecom()
    except SourceError as exc:
        pytest.skip(str(exc))
    return read_table(path, load_contract("telecom"), labelled=True)
