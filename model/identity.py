"""What makes two contracts of one name the same: how customers are identified, and which features are stored."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from model.contract import ROW_NUMBER, Contract

SHOWN = 5


@dataclass(frozen=True)
class Content:
    """What stored customers depend on; words, directions, ranges and `used` may change without touching them.

    `source` is the SHA-256 of the file whose rows are the customers, empty where a column identifies them.
    """

    id_column: str
    as_of_column: str
    features: Mapping[str, str]
    source: str = ""

    @classmethod
    def of(cls, contract: Contract, file_sha256: str = "") -> "Content":
        """The content of a contract, loaded from the file of that SHA-256."""
        features = {f.name: f"{f.column} ({f.type})" for f in contract.from_file}
        source = file_sha256 if contract.id_column == ROW_NUMBER else ""
        return cls(contract.id_column, contract.as_of_column or "", features, source)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Content":
        """What `as_json` gave."""
        return cls(raw["id_column"], raw["as_of_column"], raw["features"], raw["source"])

    def as_json(self) -> dict[str, Any]:
        """Plain data, for the database."""
        return {
            "id_column": self.id_column,
            "as_of_column": self.as_of_column,
            "features": dict(self.features),
            "source": self.source,
        }

    def fingerprint(self) -> str:
        """SHA-256 (hex) of what a model and the customers that it scores must share; the file is no part of it."""
        shared = json.dumps([self.id_column, self.as_of_column, sorted(self.features.items())], ensure_ascii=False)
        return hashlib.sha256(shared.encode()).hexdigest()

    def differences(self, other: "Content") -> Iterator[str]:
        """One line per difference; `self` is what is loaded, `other` what is given now."""
        for what, loaded, given in (
            ("id column", self.id_column, other.id_column),
            ("date column", self.as_of_column, other.as_of_column),
        ):
            if loaded != given:
                yield f"{what}: {loaded or 'none'!r} is loaded, {given or 'none'!r} is given"
        if only := self.features.items() - other.features.items():
            yield f"features that only the loaded one has: {_list(only)}"
        if only := other.features.items() - self.features.items():
            yield f"features that only the given one has: {_list(only)}"
        if self.id_column == other.id_column == ROW_NUMBER and self.source != other.source:
            yield (
                f"file: SHA-256 {self.source[:12]}… is loaded, {other.source[:12]}… is given; "
                "without an id column, a customer is a row of one file"
            )


def _list(features: set[tuple[str, str]]) -> str:
    named = [f"{name} from {column}" for name, column in sorted(features)]
    more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return ", ".join(named[:SHOWN]) + more
