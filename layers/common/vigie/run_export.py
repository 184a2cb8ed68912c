"""One run's audit trail for an auditor: CSV and JSON Lines, a log to verify them against, and a cover sheet."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vigie import verify
from vigie.canonical import canonical_event, canonical_time
from vigie.events import MEANINGS
from vigie.spreadsheets import as_text_cell
from vigie.trail import COLUMNS, Trail, TrailError, as_event
from vigie.verify import export_line, parse_checkpoint
from vigie.vocabulary import EventType

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

EVENTS = f"""
SELECT f.leaf_index, f.leaf_hash,
       (SELECT min(tree_size) FROM audit_checkpoint c WHERE c.tree_size > f.leaf_index), {COLUMNS}
FROM audit_log l LEFT JOIN audit_leaf f USING (event_id)
WHERE l.run_id = %s ORDER BY f.leaf_index NULLS LAST, l.seq
"""  # noqa: S608  (constants)
RUN = """
SELECT purpose, status, contract, model_version, scorer_sha256, prompt_versions, thresholds, planned, batches,
       planned_at, finished_at, counts, reasons, most_lost_analyses
FROM runs WHERE run_id = %s
"""
GAPS = "SELECT step, store, problem, customer_id, event_id, batch_no FROM run_gaps WHERE run_id = %s ORDER BY 1, 2, 3"
HEADER = (
    *("leaf_index", "sealed_at_size", "occurred_at", "event_type", "status", "agent", "customer_id", "details"),
    *("event_id", "run_id", "request_id"),
)
CSV_NAME, LINES_NAME, LOG_NAME = "events.csv", "events.jsonl", "log.jsonl.gz"
CHECKPOINTS_NAME, KEY_NAME, COVER_NAME = "checkpoints.txt", "key.pem", "cover.md"


@dataclass(frozen=True, slots=True)
class SealedEvent:
    """An event of the run. `index` and `leaf` are missing while it waits to be sealed, `size` until it is signed."""

    index: int | None
    leaf: bytes | None
    size: int | None
    event: dict[str, Any]


def export_run(connection: Connection, run_id: str, folder: Path, checkpoints: list[str], key_pem: bytes) -> list[Path]:
    """Write a run's files to a folder, which is made; answers them, the cover sheet first.

    Raises:
        TrailError: there is no such run.
    """
    run = _read_run(connection, run_id)
    events = list(_read_events(connection, run_id))
    folder.mkdir(parents=True, exist_ok=True)
    _write_csv(folder / CSV_NAME, events)
    (folder / LINES_NAME).write_bytes(b"".join(map(_line, events)))
    with gzip.open(folder / LOG_NAME, "wb") as log:
        log.writelines(Trail(connection).lines(disclosed={run_id}))
    (folder / CHECKPOINTS_NAME).write_text("".join(checkpoints), encoding="utf-8")
    (folder / KEY_NAME).write_bytes(key_pem)
    shutil.copyfile(verify.__file__, folder / "verify.py")
    files = [folder / name for name in (CSV_NAME, LINES_NAME, LOG_NAME, CHECKPOINTS_NAME, KEY_NAME, "verify.py")]
    cover = folder / COVER_NAME
    gaps = _fetch(connection, GAPS, run_id)
    cover.write_text("\n".join(_cover(run_id, run, events, gaps, checkpoints, files)) + "\n", encoding="utf-8")
    return [cover, *files]


def _read_run(connection: Connection, run_id: str) -> dict[str, Any]:
    rows = _fetch(connection, RUN, run_id)
    if not rows:
        raise TrailError(f"run {run_id} is unknown: name one of the table runs, such as the newest")
    names = (
        *("purpose", "status", "contract", "model_version", "scorer_sha256", "prompt_versions", "thresholds"),
        *("planned", "batches", "planned_at", "finished_at", "counts", "reasons", "most_lost_analyses"),
    )
    return dict(zip(names, rows[0], strict=True))


def _read_events(connection: Connection, run_id: str) -> Iterator[SealedEvent]:
    for index, leaf, size, *fields in _fetch(connection, EVENTS, run_id):
        yield SealedEvent(index, bytes(leaf) if leaf else None, size, as_event(fields))


def _fetch(connection: Connection, query: str, run_id: str) -> list[tuple[Any, ...]]:
    with connection, connection.cursor() as cursor:
        cursor.execute(query, (run_id,))
        return cursor.fetchall()


def _write_csv(path: Path, events: list[SealedEvent]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(HEADER)
        for sealed in events:
            shown = sealed.event | {"occurred_at": canonical_time(sealed.event["occurred_at"])}
            table.writerow([sealed.index, sealed.size, *(as_text_cell(shown[name]) for name in HEADER[2:])])


def _line(sealed: SealedEvent) -> bytes:
    """A line as in the whole log; an event that is not sealed yet has neither index nor fingerprint."""
    event = canonical_event(**sealed.event)
    if sealed.index is None or sealed.leaf is None:
        return b'{"index":null,"event":' + event + b',"leaf_hash":null}\n'
    return export_line(sealed.index, event, sealed.leaf)


def _cover(
    run_id: str,
    run: dict[str, Any],
    events: list[SealedEvent],
    gaps: list[tuple[Any, ...]],
    checkpoints: list[str],
    files: list[Path],
) -> Iterator[str]:
    yield f"# Audit of run {run_id}\n"
    yield from _about_run(run)
    yield from _about_events(events)
    yield from _about_decisions(events)
    yield from _about_losses(run["counts"] or {})
    yield from _about_gaps(gaps, events)
    yield from _about_checkpoint(checkpoints, events)
    yield "\n## Files\n\n| file | SHA-256 |\n|---|---|"
    for path in files:
        yield f"| `{path.name}` | `{sha256(path.read_bytes()).hexdigest()}` |"
    origin = parse_checkpoint(checkpoints[-1]).origin if checkpoints else "NAME"
    yield HOW_TO_VERIFY.replace("NAME", origin)


def _about_run(run: dict[str, Any]) -> Iterator[str]:
    yield "| | |\n|---|---|"
    yield f"| purpose | {run['purpose']} |"
    yield f"| status | {run['status']} |"
    yield f"| planned at | {_moment(run['planned_at'])} |"
    yield f"| finished at | {_moment(run['finished_at'])} |"
    yield f"| customers | {run['planned']} in {run['batches']} batches |"
    yield f"| model | {run['model_version']}, feature contract {run['contract']} |"
    yield f"| scorer, SHA-256 | `{run['scorer_sha256']}` |"
    yield f"| prompt versions | {_listed(run['prompt_versions'])} |"
    yield f"| thresholds | {_listed(run['thresholds'])} |"
    yield f"| counts | {_listed(run['counts'] or {})} |"
    for step, reasons in (run["reasons"] or {}).items():
        yield f"| step {step} ended without a result | {_listed(reasons) if reasons else 'none'} |"
    yield f"| partial above | {run['most_lost_analyses']:.1%} of the analyses lost |"


def _about_events(events: list[SealedEvent]) -> Iterator[str]:
    counts: dict[str, int] = {}
    for sealed in events:
        counts[sealed.event["event_type"]] = counts.get(sealed.event["event_type"], 0) + 1
    yield f"\n## Events: {len(events)}\n\n| event | number | meaning |\n|---|---:|---|"
    for event_type, count in sorted(counts.items()):
        meaning = MEANINGS[EventType(event_type)][0] if event_type in MEANINGS else "unknown"
        yield f"| {event_type} | {count} | {meaning} |"


def _about_decisions(events: list[SealedEvent]) -> Iterator[str]:
    """What people decided on the run's proposals, each decision bound to the hash of what they saw."""
    decided: dict[tuple[str, bool], int] = {}
    for sealed in events:
        if sealed.event["event_type"] == EventType.PROPOSAL_DECIDED:
            details = json.loads(sealed.event["details"])
            told = (str(details.get("decision")), bool(details.get("in_bulk")))
            decided[told] = decided.get(told, 0) + 1
    if decided:
        yield f"\n## Decisions of people: {sum(decided.values())}\n\n| decision | how | number |\n|---|---|---:|"
        for (decision, in_bulk), count in sorted(decided.items()):
            yield f"| {decision} | {'in bulk' if in_bulk else 'singly'} | {count} |"
        yield "\nThey are events of the run. That the campaign's own records say the same: `vigie campaigns reconcile`."


def _about_losses(counts: dict[str, int]) -> Iterator[str]:
    if counts.get("analysis_failed") or counts.get("without_lost_analysis"):
        yield f"\n## Lost analyses: {counts['analysis_failed']}\n"
        yield f"{counts['without_lost_analysis']} predictions were made without them, as if nothing had been written."
        yield "Their events PREDICTION_SAVED and ACTION_SAVED say `analysis_lost`; a later run may have made them anew."


def _about_gaps(gaps: list[tuple[Any, ...]], events: list[SealedEvent]) -> Iterator[str]:
    if not any(sealed.event["event_type"] == "RUN_RECONCILED" for sealed in events):
        yield "\n## Gaps: not known, the run's records were not compared yet"
        return
    yield f"\n## Gaps: {len(gaps)}\n"
    if gaps:
        yield "| step | store | problem | customer | event | batch |\n|---|---|---|---|---|---|"
    for gap in gaps:
        yield "| " + " | ".join("" if value is None else str(value) for value in gap) + " |"
    if not gaps:
        yield "Plan, results, egress ledger, audit rows, logs and batches agree, event by event."


def _about_checkpoint(checkpoints: list[str], events: list[SealedEvent]) -> Iterator[str]:
    yield "\n## Checkpoint\n"
    if not checkpoints:
        yield "None was signed yet: nothing vouches for these events."
        return
    newest = parse_checkpoint(checkpoints[-1])
    covered = sum(sealed.index is not None and sealed.index < newest.size for sealed in events)
    yield f"`{newest.origin}`, {newest.size} events, root `{newest.root.hex()}`."
    yield f"It covers {covered} of the run's {len(events)} events."
    if covered < len(events):
        yield "The others are newer than it; export again in a minute for a checkpoint that covers them."


def _moment(moment: datetime | None) -> str:
    return canonical_time(moment) if moment else "not finished"


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items()) or "none yet"


HOW_TO_VERIFY = """
## How to verify

With Python 3.13 and the package `cryptography`, in this folder, offline:

```
python verify.py export log.jsonl.gz --checkpoints checkpoints.txt --key key.pem --origin NAME --partial
```

It must print `VALID`. `log.jsonl.gz` holds a fingerprint of every event of the whole log, and the text of this run's
events only; `--partial` accepts that the other texts are withheld. `events.csv` and `events.jsonl` repeat this run's
events, with their place in the log (`leaf_index`).

Trust nothing that came with this sheet more than it deserves: take `verify.py` from the project's repository, the key
and the log's name from whoever runs the log's key service, and the checkpoints from the write-once store, and compare.
With `--trust FILE` the first time pins key and name for the next. Whoever holds the signing key can sign another log
for you than for others: `--witness-key` demands that a witness whom you trust has seen the same."""
