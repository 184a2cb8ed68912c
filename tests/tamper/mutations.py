"""Every way of tampering, as functions of a sealed log. Each is done clumsily or thoroughly, at random.

Thoroughly means: with the fingerprints computed anew and the indices renumbered, as somebody would who owns
the database and has read our code. What nobody can do without the signing key is sign.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random

from tests.tamper.sealed_log import Row, SealedLog, Signer, new_event, sealed_row
from vigie.checkpoint import parse_checkpoint, signed_note


@dataclass(frozen=True)
class Tampered:
    """A log after somebody tampered with it, and the index where they began (None: in a checkpoint)."""

    log: SealedLog
    at: int | None


Mutation = Callable[[SealedLog, Random, Signer], Tampered]


def _renumbered(rows: list[Row], thorough: bool = True) -> list[Row]:
    return [replace(row, index=index) for index, row in enumerate(rows)] if thorough else rows


def _thorough(random: Random) -> bool:
    return random.random() < 0.5


def _changed(log: SealedLog, at: int, event: dict[str, object], random: Random) -> Tampered:
    rows = list(log.rows)
    rows[at] = sealed_row(at, event) if _thorough(random) else replace(rows[at], event=event)
    return Tampered(log.with_rows(rows), at)


def edit_a_field(log: SealedLog, random: Random, signer: Signer) -> Tampered:
    """Any of the nine fields gets another value."""
    at = random.randrange(log.sealed)
    event = dict(log.rows[at].event)
    name = random.choice(sorted(event))
    other = new_event(random, 5000)
    event[name] = f"{event[name]}x" if name in ("agent", "event_type", "run_id", "status") else other[name]
    return _changed(log, at, event, random)


def back_date(log: SealedLog, random: Random, signer: Signer) -> Tampered:
    """An event is made to have happened earlier, by a microsecond or by a month."""
    at = random.randrange(log.sealed)
    event = dict(log.rows[at].event)
    event["occurred_at"] -= timedelta(microseconds=random.choice([1, 1000, 10**6, 30 * 86400 * 10**6]))
    return _changed(log, at, event, random)


def delete(log: SealedLog, random: Random, signer: Signer) -> Tampered:
    """One to three events in a row are taken out."""
    at = random.randrange(log.sealed)
    rows = log.rows[:at] + log.rows[min(at + random.randint(1, 3), log.sealed) :]
    return Tampered(log.with_rows(_renumbered(rows, _thorough(random))), at)


def insert(log: SealedLog, random: Random, signer: Signer) -> Tampered:
    """An event that never happened is put in."""
    at = random.randrange(log.sealed)
    rows = [*log.rows[:at], sealed_row(at, new_event(random, at)), *log.rows[at:]]
    return Tampered(log.with_rows(_renumbered(rows, _thorough(random))), at)


def duplicate(log: SealedLog, random: Random, signer: Signer) -> Tampered:
    """An event is put in a second time, at once or later on."""
    which = random.randrange(log.sealed)
    at = random.randrange(which, log.sealed)
    rows = [*log.rows[:at], log.rows[which], *log.rows[at:]]
    thorough = _thorough(random)
    return Tampered(log.with_rows(_renumbered(rows, thorough)), at if thorough else which)


def reorder(log: SealedLog, random: Random, signer: Signer) -> Tampered:
    """An event is moved to another place."""
    come, go = random.sample(range(log.sealed), 2)
    rows = list(log.rows)
    rows.insert(go, rows.pop(come))
    return Tampered(log.with_rows(_renumbered(rows, _thorough(random))), min(come, go))


def swap_two_leaves(log: SealedLog, random: Random, signer: Signer) -> Tampered:
    """Two events change places, or only their fingerprints do."""
    first, second = sorted(random.sample(range(log.sealed), 2))
    rows = list(log.rows)
    a, b = rows[first], rows[second]
    if _thorough(random):
        rows[first], rows[second] = replace(b, index=first), replace(a, index=second)
    else:
        rows[first], rows[second] = replace(a, leaf=b.leaf), replace(b, leaf=a.leaf)
    return Tampered(log.with_rows(rows), first)


def truncate_the_tail(log: SealedLog, random: Random, signer: Signer) -> Tampered:
    """Cut off the end; remove the database's checkpoints of it too, or leave them."""
    at = random.randrange(log.sealed)
    kept = sum(size <= at for size in log.sizes) if _thorough(random) else len(log.notes)
    return Tampered(replace(log, rows=log.rows[:at], notes=log.notes[:kept]), at)


def roll_back(log: SealedLog, random: Random, signer: Signer) -> Tampered:
    """Everything in the database goes back to the moment of an older checkpoint, or to nothing."""
    kept = random.randrange(len(log.sizes))
    at = log.sizes[kept - 1] if kept else 0
    return Tampered(replace(log, rows=log.rows[:at], notes=log.notes[:kept]), at)


def restore_an_old_backup(log: SealedLog, random: Random, signer: Signer) -> Tampered:
    """Return the database to an older state and continue from there with other events."""
    old = roll_back(log, random, signer)
    start = len(old.log.rows)
    fresh = [sealed_row(i, new_event(random, i)) for i in range(start, start + random.randint(1, 90))]
    return Tampered(old.log.with_rows(old.log.rows + fresh), start)


def replace_a_checkpoint(log: SealedLog, random: Random, signer: Signer) -> Tampered:
    """A checkpoint in the database gets another size or root, an older one's text, or an older one's place."""
    which = random.randrange(len(log.notes))
    note = log.notes[which]
    size, root = note.split("\n")[1:3]
    other_root = random.choice(log.rows).leaf
    forged = {
        "size": note.replace(f"\n{size}\n", f"\n{int(size) + random.randint(1, 9)}\n", 1),
        "root": _with_root(note, other_root),
        "older": random.choice(log.notes[:which] or [note + note]),
        "origin": note.replace("vigie.example/", "vigie.example.org/", 1),
        "signature": _other_signature(note, random.choice(log.notes[:which] + log.notes[which + 1 :] or [""])),
        "cut": note[: random.randrange(1, len(note))],
        "extension": note.replace(f"\n{root}\n", f"\n{root}\nnothing to see\n", 1),
    }
    notes = list(log.notes)
    notes[which] = forged[random.choice(sorted(forged))]
    return Tampered(replace(log, notes=notes), None)


def _with_root(note: str, root: bytes) -> str:
    """The same note, its signature kept, with another root."""
    old = base64.b64encode(parse_checkpoint(note).root).decode()
    return note.replace(f"\n{old}\n", f"\n{base64.b64encode(root).decode()}\n", 1)


def _other_signature(note: str, other: str) -> str:
    text = note.rpartition("\n\n")[0]
    line = other.rpartition("\n\n")[2] or "— vigie.example/audit AAAAAAA=\n"
    return f"{text}\n\n{line}"


def re_sign_with_another_key(log: SealedLog, random: Random, signer: Signer) -> Tampered:
    """An event is changed, the tree built anew, and every checkpoint of the database signed with another key.

    Thoroughly, the signature lines name the true key.
    """
    changed = edit_a_field(log, random, signer)
    thief = Signer()
    rows = [sealed_row(row.index, row.event) for row in changed.log.rows]
    notes = [thief.checkpoint(row.leaf for row in rows[:size]) for size in log.sizes]
    if _thorough(random):
        texts = [note.rpartition("\n\n")[0] + "\n" for note in notes]
        notes = [signed_note(text, signer.der, thief.sign(text)) for text in texts]
    stored = random.choice([log.stored_notes, notes])
    return Tampered(replace(log, rows=rows, notes=notes, stored_notes=stored), changed.at)


MUTATIONS: dict[str, Mutation] = {
    each.__name__: each
    for each in (
        edit_a_field, back_date, delete, insert, duplicate, reorder, swap_two_leaves, truncate_the_tail, roll_back,
        restore_an_old_backup, replace_a_checkpoint, re_sign_with_another_key,
    )
}  # fmt: skip
