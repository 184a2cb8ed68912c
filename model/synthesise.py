"""Write the synthetic bank: customers, features, consents, feedback, a labelled history, and the truth."""

import argparse
import csv
import random
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from model.synthetic_bank import Population, draw_population
from model.synthetic_feedback import FeedbackWriter
from model.synthetic_people import draw_person
from vigie.command_line import run_command
from vigie.vocabulary import Purpose

# Fixed, so that the same seed gives the same bytes on any day.
AS_OF = date(2026, 6, 30)
HISTORY_AS_OF = date(2025, 12, 31)
SEED = 7
POLICY_VERSION = "2026-01"
PURPOSES = {Purpose.FEEDBACK_ANALYSIS: 0.85, Purpose.PROFILING: 0.93, Purpose.RETENTION_OFFERS: 0.8}
CUSTOMER_COLUMNS = (
    "customer_id", "customer_number", "first_name", "last_name", "email", "phone", "address",
    "birth_date", "iban", "language", "annual_value_eur",
)  # fmt: skip
CONSENT_COLUMNS = ("customer_id", "purpose", "granted", "source", "policy_version", "recorded_at")
FEEDBACK_COLUMNS = ("feedback_id", "customer_id", "received_at", "channel", "language", "text")
TRUTH_COLUMNS = ("customer_id", "true_probability", "churned", "sentiment", "sentiment_score")
FEEDBACK_COUNTS = ((1, 0.74), (2, 0.18), (3, 0.08))


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: `python -m model.synthesise --customers 500 --seed 7 --out FOLDER`."""
    parser = argparse.ArgumentParser(prog="python -m model.synthesise", description=__doc__)
    parser.add_argument("--customers", type=int, default=500)
    parser.add_argument("--history", type=int, default=4000, help="past customers whose outcome is known")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    if given.customers < 1 or given.history < 1:
        parser.error("--customers and --history must be at least 1")
    synthesise(given.out, given.customers, given.seed, given.history)
    print(f"wrote {given.customers} customers and {given.history} past customers to {given.out}")
    return 0


def synthesise(folder: Path, customers: int, seed: int, history: int = 4000) -> None:
    """Write the whole bank to `folder`; the same arguments always give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    population = draw_population(customers, np.random.default_rng((seed, 1)))
    draw = random.Random(f"{seed}/people")
    people = [_draw_customer(population, i, draw) for i in range(customers)]
    _write(folder / "customers.csv", CUSTOMER_COLUMNS, ([p[c] for c in CUSTOMER_COLUMNS] for p in people))
    ids = [p["customer_id"] for p in people]
    _write_features(folder / "features.csv", population, ids, AS_OF)
    _write(folder / "consents.csv", CONSENT_COLUMNS, _draw_consents(ids, random.Random(f"{seed}/consents")))
    feedback = _draw_feedback(people, population, random.Random(f"{seed}/feedback"))
    _write(folder / "feedback.csv", FEEDBACK_COLUMNS, feedback)
    _write(folder / "truth.csv", TRUTH_COLUMNS, _truth(population, ids))
    _write_history(folder, history, seed)


def draw_history(size: int, seed: int) -> Population:
    """Past customers of the same bank; fewer have feedback, as some never consented."""
    return draw_population(size, np.random.default_rng((seed, 2)), feedback_share=0.72)


def _write_history(folder: Path, size: int, seed: int) -> None:
    past = draw_history(size, seed)
    draw = random.Random(f"{seed}/history")
    ids = [_draw_uuid(draw) for _ in range(size)]
    extra = {"sentiment_score": past.sentiment_score, "churned": past.churned}
    _write_features(folder / "history.csv", past, ids, HISTORY_AS_OF, extra)
    _write(folder / "history_truth.csv", TRUTH_COLUMNS, _truth(past, ids))


def _draw_customer(population: Population, row: int, draw: random.Random) -> dict[str, str]:
    gender = str(population.columns["gender"][row])
    born = AS_OF - timedelta(days=int(population.age_years[row] * 365.25) + draw.randrange(10, 350))
    person = draw_person(gender, draw)
    value = f"{population.annual_value_eur[row]:.2f}"
    return person | {
        "customer_id": _draw_uuid(draw),
        "customer_number": _customer_number(row),
        "birth_date": born.isoformat(),
        "annual_value_eur": value,
    }


def _customer_number(row: int) -> str:
    # A prime step that does not divide the range visits every number once: unique and not in order.
    return f"{10_000_000 + (row * 48_271_117 + 7_654_321) % 90_000_000:08d}"


def _write_features(
    path: Path, population: Population, ids: Sequence[str], as_of: date, extra: dict[str, Any] | None = None
) -> None:
    columns = population.columns | (extra or {})
    cells = [[_cell(v) for v in column.tolist()] for column in columns.values()]
    stamp = as_of.isoformat()
    rows = ([i, stamp, *values] for i, *values in zip(ids, *cells, strict=True))
    _write(path, ("customer_id", "as_of", *columns), rows)


def _draw_consents(ids: Sequence[str], draw: random.Random) -> Iterator[list[str]]:
    for customer in ids:
        for purpose, share in PURPOSES.items():
            yield from _consent_rows(customer, purpose, draw.random() < share, draw)


def _consent_rows(customer: str, purpose: str, agrees: bool, draw: random.Random) -> Iterator[list[str]]:
    asked = datetime(2023, 1, 1, tzinfo=UTC) + timedelta(minutes=draw.randrange(60 * 24 * 900))
    source = draw.choice(("branch", "app", "web", "phone"))
    history = [True] if agrees else draw.choice(([False], [True, False], []))
    if agrees and draw.random() < 0.04:
        history = [False, True]
    for step, granted in enumerate(history):
        moment = asked + timedelta(minutes=draw.randrange(1, 60 * 24 * 350)) * step
        written = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        yield [customer, purpose, str(granted).lower(), source, POLICY_VERSION, written]


def _draw_feedback(
    people: Sequence[dict[str, str]], population: Population, draw: random.Random
) -> Iterator[list[str]]:
    writer = FeedbackWriter.shipped()
    for person, sentiment, score in zip(
        people, population.sentiment.tolist(), population.sentiment_score.tolist(), strict=True
    ):
        if sentiment is None:
            continue
        count = draw.choices([n for n, _ in FEEDBACK_COUNTS], [w for _, w in FEEDBACK_COUNTS])[0]
        for _ in range(count):
            text = writer.write(person, sentiment, score, draw)
            yield [
                _draw_uuid(draw),
                person["customer_id"],
                _moment(draw),
                _channel(draw),
                person["language"],
                text,
            ]


def _moment(draw: random.Random) -> str:
    end = datetime(AS_OF.year, AS_OF.month, AS_OF.day, tzinfo=UTC)
    return (end - timedelta(minutes=draw.randrange(60 * 24 * 90))).strftime("%Y-%m-%dT%H:%M:%SZ")


def _channel(draw: random.Random) -> str:
    return draw.choice(("app", "web", "email", "survey", "branch"))


def _truth(population: Population, ids: Sequence[str]) -> Iterator[list[object]]:
    for row, customer in enumerate(ids):
        probability = f"{population.true_probability[row]:.6f}"
        score = _cell(float(population.sentiment_score[row]))
        yield [customer, probability, int(population.churned[row]), population.sentiment[row] or "", score]


def _cell(value: Any) -> Any:
    if value is None or value != value:  # NaN alone is unequal to itself
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _draw_uuid(draw: random.Random) -> str:
    return str(uuid.UUID(int=draw.getrandbits(128), version=4))


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        out = csv.writer(stream, lineterminator="\n")
        out.writerow(header)
        out.writerows(rows)


if __name__ == "__main__":
    run_command(main)
