"""Made-up customers of three other trades, whose reasons to leave are rules over two columns and fine thresholds."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

Row = dict[str, object]
STAYS, LEAVES = 0.04, 0.86


def telecom(draw: random.Random) -> Row:
    """Leaving: fibre by the month in the first half-year; many calls without the plan for them, few with it."""
    row: Row = {
        "tenure_months": draw.randrange(72),
        "contract": draw.choice(("monthly", "one year", "two years")),
        "internet": draw.choice(("fibre", "DSL", "none")),
        "monthly_charges": round(draw.uniform(18, 120), 2),
        "international_minutes": round(draw.uniform(0, 60), 1),
        "international_plan": draw.choice(("yes", "no")),
        "service_calls": draw.randrange(8),
    }
    new_fibre = row["contract"] == "monthly" and row["internet"] == "fibre" and int(str(row["tenure_months"])) < 22
    wrong_plan = (float(str(row["international_minutes"])) > 31.4) != (row["international_plan"] == "yes")
    return row | {"left": _outcome(draw, new_fibre or (wrong_plan and float(str(row["monthly_charges"])) > 74.5))}


def shop(draw: random.Random) -> Row:
    """Leaving: no order for twice one's usual gap; a late delivery to who complained."""
    gap, recency = draw.uniform(5, 60), draw.uniform(1, 150)
    row: Row = {
        "usual_gap_days": round(gap, 1),
        "days_since_last_order": round(recency, 1),
        "coupon_share": round(draw.random(), 3),
        "late_deliveries": draw.randrange(5),
        "complaints": draw.randrange(4),
        "category": draw.choice(("toys", "shoes", "books", "garden")),
        "basket_eur": round(draw.uniform(8, 240), 2),
    }
    overdue = recency > 2 * gap
    annoyed = int(str(row["late_deliveries"])) >= 3 and int(str(row["complaints"])) >= 2
    return row | {"left": _outcome(draw, overdue != (0.42 < float(str(row["coupon_share"])) < 0.55) or annoyed)}


def energy(draw: random.Random) -> Row:
    """Leaving: a fixed price that runs out, after a rise; a heat pump on the day rate or none on the night rate."""
    row: Row = {
        "days_to_price_end": draw.randrange(365),
        "price_rise_percent": round(draw.uniform(-4, 24), 2),
        "tariff": draw.choice(("day", "night", "green")),
        "heat_pump": draw.choice(("yes", "no")),
        "annual_kwh": draw.randrange(900, 14_000),
        "moved_in_years": draw.randrange(30),
        "reminders": draw.randrange(4),
    }
    dear = float(str(row["price_rise_percent"])) > 12.5 and int(str(row["days_to_price_end"])) < 120
    unfit = (row["tariff"] == "day") == (row["heat_pump"] == "yes") and int(str(row["annual_kwh"])) > 6_250
    return row | {"left": _outcome(draw, dear or unfit)}


TRADES: dict[str, Callable[[random.Random], Row]] = {"telecom": telecom, "shop": shop, "energy": energy}


def write_trade(trade: str, path: Path, rows: int, seed: int = 17) -> Path:
    """A labelled CSV of so many customers, the same for the same seed."""
    draw = random.Random(f"{trade}/{seed}")
    lines = ({"customer": f"K{number:05d}"} | TRADES[trade](draw) for number in range(rows))
    path.write_text("".join(_as_csv(lines)), encoding="utf-8")
    return path


def _as_csv(rows: Iterator[Row]) -> Iterator[str]:
    for number, row in enumerate(rows):
        if not number:
            yield ",".join(row) + "\n"
        yield ",".join(map(str, row.values())) + "\n"


def _outcome(draw: random.Random, reason: bool) -> str:
    return "yes" if draw.random() < (LEAVES if reason else STAYS) else "no"
