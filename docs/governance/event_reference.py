"""Writes docs/governance/events.md from vigie/events.py: `python -m docs.governance.event_reference`."""

from __future__ import annotations

from typing import Any

from vigie.events import MEANINGS, details_schema
from vigie.vocabulary import EventType
from vigie_local.settings import REPOSITORY

PAGE = REPOSITORY / "docs" / "governance" / "events.md"
HEAD = """# The audit trail's events

Made from `layers/common/vigie/events.py` by `python -m docs.governance.event_reference`; a test compares them.

Every event has an id, a time, the agent that wrote it, a status (`ok`, `refused` or `failed`), and, where they apply,
the run, the customer's opaque id and the request. Beyond that there are only the details below. They are counts,
versions, closed words and opaque ids: an event with any other detail is refused before it is inserted, so neither
text nor personal data gets in. No detail is required to be there.
"""


def page() -> str:
    """The whole page, in Markdown."""
    return HEAD + "".join(_section(event_type) for event_type in MEANINGS)


def _section(event_type: EventType) -> str:
    meaning, _ = MEANINGS[event_type]
    rows = "".join(
        f"| `{name}` | {described(schema)} |\n" for name, schema in details_schema(event_type)["properties"].items()
    )
    return f"\n## {event_type}\n\n{meaning}\n\n| detail | is |\n|---|---|\n{rows}"


def described(schema: dict[str, Any]) -> str:
    """A JSON schema of the kinds that events use, in words."""
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    if "pattern" in schema:
        return f"text that matches `{schema['pattern']}`"
    if "properties" in schema:
        return "; ".join(f"`{name}`: {described(inner)}" for name, inner in schema["properties"].items())
    if schema["type"] == "object":
        return f"{described(schema['additionalProperties'])} for each word ({described(schema['propertyNames'])})"
    kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    bounds = [
        f"{word} {schema[key]}" for key, word in (("minimum", "at least"), ("maximum", "at most")) if key in schema
    ]
    return ", ".join([" or ".join(NAMES[kind] for kind in kinds), *bounds])


BOUNDS = {"minimum": "at least", "maximum": "at most"}
NAMES = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "null": "null"}


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
