"""The schema comes from nothing but its migrations, and applying them again changes nothing."""

import itertools
import re
from collections.abc import Callable

import pytest

from tests.integration.conftest import Bank
from vigie_local.migrations import MIGRATIONS, OWNER, apply_migrations, prepare_database

NAMES = sorted(path.stem for path in MIGRATIONS.glob("*.sql"))
# Loaders of data files belong to the migration of their number.
APPLIED = sorted(path.stem for path in MIGRATIONS.glob("0*.*"))


def test_they_are_numbered_without_gaps_and_each_depends_on_the_one_before() -> None:
    assert [int(name[:4]) for name in NAMES] == list(range(1, len(NAMES) + 1))
    for earlier, later in itertools.pairwise(NAMES):
        text = (MIGRATIONS / f"{later}.sql").read_text(encoding="utf-8")
        assert re.search(rf"^-- depends: {earlier}$", text, re.MULTILINE), later


def test_from_blank_all_are_applied_in_order_and_a_second_time_none(bank: Bank) -> None:
    prepare_database(bank.server, bank.migrated.passwords[OWNER], "from_blank")
    assert apply_migrations(bank.server, bank.migrated.passwords[OWNER], dbname="from_blank") == APPLIED
    assert apply_migrations(bank.server, bank.migrated.passwords[OWNER], dbname="from_blank") == []


def test_the_schema_belongs_to_the_owner(bank: Bank) -> None:
    owners = bank.query(
        "SELECT DISTINCT relowner::regrole::text FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'S')"
    )
    assert owners == [("owner",)]


def test_offers_have_both_languages_for_every_segment(bank: Bank) -> None:
    for segment in ("High", "Medium", "Low"):
        rows = bank.query(
            "SELECT title_fr, title_en, message_fr, message_en FROM offers WHERE %s = ANY(segments)", segment
        )
        assert rows
        assert all(all(texts) for texts in rows)


@pytest.mark.parametrize("role", ["nlp_agent", "dashboard"])
def test_roles_enter_with_their_own_password(make_bank: Callable[[], Bank], role: str) -> None:
    assert make_bank().query("SELECT session_user::text", role=role) == [(role,)]
