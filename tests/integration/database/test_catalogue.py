"""A version of the catalogue is loaded once, whole, and never changes what was reviewed under a code."""

import hashlib

import psycopg2
import pytest

from tests.integration.campaigning import CALL, DIGITAL, OPERATOR, catalogue_text, load, name_people
from tests.integration.conftest import Bank
from vigie.catalogue_file import read_catalogue
from vigie_operations.campaigns import SHIPPED

NEW = DIGITAL.replace("digital_help", "app_tour").replace("Un conseiller vous accompagne", "Nous vous accompagnons")


@pytest.fixture(scope="module", autouse=True)
def people(bank: Bank) -> None:
    name_people(bank)


def loaded(bank: Bank) -> tuple[int, int, int, int]:
    """How many versions, rows of versions, offers and events there are."""
    tables = ("catalogues", "catalogue_offers", "offers", "audit_log")
    versions, rows, offers, events = (int(bank.query(f"SELECT count(*) FROM {table}")[0][0]) for table in tables)
    return versions, rows, offers, events


def test_the_shipped_file_changes_no_text_of_what_is_there(bank: Bank) -> None:
    sql = "SELECT offer_id, title_fr, title_en, message_fr, message_en, cost_eur, save_rate FROM offers ORDER BY 1"
    before = bank.query(sql)
    assert load(bank, SHIPPED.read_text(encoding="utf-8"))
    assert bank.query(sql) == before
    version = read_catalogue(SHIPPED).version
    economics = bank.query(
        "SELECT count(*) FROM catalogue_offers c JOIN offers o USING (offer_id) WHERE c.version = %s"
        " AND (c.cost_eur, c.save_rate::numeric) = (o.cost_eur, o.save_rate)", version,
    )  # fmt: skip
    assert economics == [(9,)]


def test_the_same_bytes_again_change_nothing_and_say_so(bank: Bank) -> None:
    assert load(bank, catalogue_text("again"))
    before = loaded(bank)
    assert not load(bank, catalogue_text("again"))
    assert loaded(bank) == before
    [(sha256, content, who)] = bank.query("SELECT sha256, content, loaded_by FROM catalogues WHERE version = 'again'")
    assert (sha256, who) == (hashlib.sha256(content.encode()).hexdigest(), OPERATOR)
    assert content == catalogue_text("again")
    [(said,)] = bank.query(
        "SELECT details FROM audit_log WHERE event_type = 'CATALOGUE_LOADED' ORDER BY seq DESC LIMIT 1"
    )
    assert said == {"version": "again", "catalogue_sha256": sha256, "offers": 2}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (catalogue_text("first", margin=9), "version: first is loaded already, with other content"),
        (catalogue_text("x", CALL.replace("dedicated advisor will", "advisor will")), "offer advisor_call: its titles"),
        (
            catalogue_text("x", CALL.replace('"A call with', '"Talk with')),
            "offer advisor_call: its titles and messages",
        ),
        (catalogue_text("x", CALL.replace('["High", "Medium"]', '["High", "Low"]')), "offer advisor_call: segments"),
    ],
)
def test_what_was_loaded_stays_and_a_refused_file_leaves_nothing(bank: Bank, text: str, why: str) -> None:
    load(bank, catalogue_text("first"))
    before = loaded(bank)
    with pytest.raises(psycopg2.Error, match=why):
        load(bank, text)
    assert loaded(bank) == before


def test_a_new_code_is_an_offer_and_its_message_a_sentence(bank: Bank) -> None:
    assert load(bank, catalogue_text("with-new", CALL, NEW))
    assert bank.query("SELECT kind FROM sentences WHERE phrase_id = 'app_tour'") == [("offer",)]
    assert bank.query("SELECT active, segments FROM offers WHERE offer_id = 'app_tour'") == [
        (True, ["High", "Medium", "Low"])
    ]
    # From here on its texts are as fixed as the others'.
    with pytest.raises(psycopg2.Error, match="offer app_tour: its titles and messages"):
        load(bank, catalogue_text("other", NEW.replace("step by step", "at your pace")))


@pytest.mark.parametrize("table", ["catalogues", "catalogue_offers"])
def test_not_even_the_owner_changes_a_version(bank: Bank, table: str) -> None:
    for change in (f"UPDATE {table} SET version = 'other'", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            bank.query(change)
