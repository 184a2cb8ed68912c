"""The page that explains every event type is the one that vigie/events.py makes."""

from vigie.events import MEANINGS
from vigie_operations.event_reference import PAGE, page


def test_the_page_of_events_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m vigie_operations.event_reference"


def test_every_event_type_has_a_meaning_in_a_sentence() -> None:
    for event_type, (meaning, _) in MEANINGS.items():
        assert meaning.endswith("."), event_type
        assert f"## {event_type}\n" in page()
