"""List prices, from prices.toml in this folder."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PRICES = Path(__file__).with_name("prices.toml")
HEADER = ("region", "as_of", "currency", "monthly")


@dataclass(frozen=True)
class Price:
    """`amount` dollars for `per` units; `unit` in words."""

    amount: float
    per: float
    unit: str

    def cost(self, count: float) -> float:
        """Dollars for so many units."""
        return self.amount * count / self.per


@dataclass(frozen=True)
class PriceList:
    """Prices by what is counted, prices by the month, and when and where they held."""

    region: str
    as_of: str
    by_use: dict[str, Price]
    by_month: dict[str, float]


def read_prices(path: Path = PRICES) -> PriceList:
    """Read a price list.

    Raises:
        ValueError: a price is negative, or lacks its unit.
    """
    found: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    by_use = {name: _price(name, entry) for name, entry in found.items() if name not in HEADER}
    by_month = {name: float(entry["price"]) * float(entry["times"]) for name, entry in found["monthly"].items()}
    return PriceList(str(found["region"]), str(found["as_of"]), by_use, by_month)


def _price(name: str, entry: dict[str, Any]) -> Price:
    if entry["price"] < 0 or entry["per"] <= 0 or not entry.get("unit"):
        raise ValueError(f"{name}: give a price from 0, a per above 0 and a unit")
    return Price(float(entry["price"]), float(entry["per"]), str(entry["unit"]))
