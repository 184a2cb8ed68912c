"""A fresh database for each test, with the real schema; and one with a model in it, trained once for all."""

from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

from model import train
from model.synthesise import synthesise
from tests.template_database import MigratedServer

NAMES = {"host": "PGHOST", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER", "password": "PGPASSWORD"}


@pytest.fixture
def dsn(migrated: MigratedServer) -> str:
    return migrated.dsn(migrated.copy())


@pytest.fixture(scope="session")
def with_model(migrated: MigratedServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database in which the demo's first model is approved: to be copied, not to be changed."""
    name = migrated.copy()
    with pytest.MonkeyPatch.context() as patch:
        train_briefly(patch)
        name_in_environment(patch, migrated.dsn(name))
        assert train_on(tmp_path_factory.mktemp("training"), 1, "--demo") == 0
    return name


def train_briefly(patch: pytest.MonkeyPatch) -> None:
    """Let models learn for fewer rounds: these tests ask what becomes of a model, not how good it is."""
    patch.setattr("model.candidates.MAX_ROUNDS", 100)


def name_in_environment(patch: pytest.MonkeyPatch, dsn: str) -> None:
    """Name a database as make does."""
    for key, value in parse_dsn(dsn).items():
        patch.setenv(NAMES[key], value)


def train_on(folder: Path, seed: int, *options: str) -> int:
    """Train on six hundred customers that this seed makes."""
    synthesise(folder / str(seed), customers=1, seed=seed, history=600)
    data, out = str(folder / str(seed)), str(folder / f"out-{seed}")
    return train.main(["--contract", "bank", "--quick", "--data", data, "--out", out, *options])
