"""Audit events as a CSV file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

from vigie.spreadsheets import as_text_cell

FIELDS = ("event_id", "occurred_at", "run_id", "agent", "event_type", "status", "customer_id", "details", "request_id")


def write_csv(events: Iterable[dict[str, Any]]) -> bytes:
    """Events as CSV, UTF-8 with a byte-order mark so that spreadsheets read accents; details as JSON.

    No cell is a formula, whatever somebody named a run: see `vigie.spreadsheets`.
    """
    file = io.StringIO()
    writer = csv.DictWriter(file, FIELDS)
    writer.writeheader()
    for event in events:
        details = json.dumps(event["details"], ensure_ascii=False, sort_keys=True)
        row = event | {"occurred_at": event["occurred_at"].isoformat(), "details": details}
        writer.writerow({name: as_text_cell(row[name]) for name in FIELDS})
    return file.getvalue().encode("utf-8-sig")
