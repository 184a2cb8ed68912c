"""Writes docs/governance/events.md from vigie/events.py: `python -m docs.governance.event_reference`."""

from __future__ import annotations

from vigie.event_rules import MOST, Kind, Record, Rule
from vigie.events import MEANINGS, WRITERS
from vigie.vocabulary import EventType
from vigie_local.settings import REPOSITORY

PAGE = REPOSITORY / "docs" / "governance" / "events.md"
HEAD = """# The audit trail's events

Made from `layers/common/vigie/events.py` by `python -m docs.governance.event_reference`; a test compares them.

Every event has an id, a time, the agent that wrote it, a status (`ok`, `refused` or `failed`), and, where they apply,
the run, the customer's opaque id and the request. Beyond that there are only the details below: bounded counts, closed
words, and values that a record of the database holds as well. No detail is a result about a person. The database
refuses an event with any other detail, of another role's type, in another role's name, or whose time is more than two
minutes before or five seconds after its own. No detail is required to be there. Events that earlier versions wrote may
hold details that are no longer written.
"""
RECORDS = {
    Record.RUN: "the run", Record.REDRIVE: "the redrive", Record.CALL: "the egress ledger",
    Record.CONSENT: "the customer's consent", Record.RESULT: "the result's row", Record.MODEL: "the model registry",
    Record.CHECKPOINT: "the checkpoint", Record.DEAD_LETTER: "the dead letter",
    Record.CATALOGUE: "the catalogue's version", Record.CAMPAIGN: "the campaign", Record.PROPOSAL: "the proposal",
    Record.PERSON: "the person's row", Record.HAND_OVER: "the hand-over", Record.OBJECTION: "the objection",
}  # fmt: skip


def page() -> str:
    """The whole page, in Markdown."""
    return HEAD + "".join(_section(event_type) for event_type in MEANINGS)


def _section(event_type: EventType) -> str:
    meaning, rules = MEANINGS[event_type]
    writers = ", ".join(f"`{role}`" for role, types in WRITERS.items() if event_type in types)
    said = f"\n## {event_type}\n\n{meaning}\n\nWritten by: {writers or 'no role itself'}.\n"
    rows = "".join(f"| `{name}` | {described(rule)} |\n" for name, rule in rules.items())
    return f"{said}\n| detail | is |\n|---|---|\n{rows}" if rules else said


def described(rule: Rule) -> str:
    """A rule in words."""
    words = ", ".join(f"`{word}`" for word in rule.words)
    kinds = {
        Kind.WORD: f"one of {words}",
        Kind.COUNTS: f"a whole number from 0 to {MOST:,} for each of {words}",
        Kind.COUNT: f"a whole number from 0 to {MOST:,}",
        Kind.FLAG: "true or false",
        Kind.SHARE: "a number from 0 to 1",
        Kind.ID: "a whole number or null" if rule.nullable else "a whole number",
        Kind.TEXT: f"text that matches `{rule.pattern}`",
    }
    return kinds[rule.kind] + (f", as in {RECORDS[rule.record]}" if rule.record else "")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
