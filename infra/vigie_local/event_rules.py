"""The rules of `vigie.events` as rows of the database's table `audit_rules`: `python -m vigie_local.event_rules`.

Prints what the next migration has to contain when the rules have changed; a test compares table and rules.
"""

from __future__ import annotations

from vigie.event_rules import Rule
from vigie.events import SHA256, UUID, VERSION, WRITERS, rules_of

FAST = {UUID: "uuid", SHA256: "sha256", VERSION: "version"}

type Row = tuple[str, str, str, str, tuple[str, ...], str]


def rows() -> list[Row]:
    """Every rule; one with an empty name says that the writer may write the type at all."""
    found: list[Row] = []
    for writer, event_types in WRITERS.items():
        for event_type in event_types:
            found.append((writer, str(event_type), "", "type", (), ""))
            found += [
                (writer, str(event_type), name, _kind(rule), _words(rule), rule.pattern)
                for name, rule in rules_of(writer, event_type).items()
            ]
    return sorted(found)


def as_sql() -> str:
    """Return the statements that put them in the place of what is there."""
    values = ",\n".join(f"({', '.join(_literal(value) for value in row)})" for row in rows())
    return f"TRUNCATE audit_rules;\nINSERT INTO audit_rules VALUES\n{values};\n"


def _kind(rule: Rule) -> str:
    """The kind as the database checks it: what there is most of, without a regular expression."""
    if rule.pattern in FAST:
        return FAST[rule.pattern]
    return f"{rule.kind} or null" if rule.nullable else str(rule.kind)


def _words(rule: Rule) -> tuple[str, ...]:
    return tuple(sorted(rule.words))


def _literal(value: str | tuple[str, ...]) -> str:
    text = "{" + ",".join(value) + "}" if isinstance(value, tuple) else value
    return "'" + text.replace("'", "''") + "'"


if __name__ == "__main__":
    print(as_sql(), end="")
