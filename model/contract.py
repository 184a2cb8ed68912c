"""What a model wants from a data file: its features, their types and ranges, the label and the id."""

import hashlib
import json
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "contracts"
TYPES = ("number", "integer", "boolean", "category")
DIRECTIONS = ("raises", "lowers", "none")
POLICIES = ("refused", "kept", "filled")
LANGUAGES = ("fr", "en")
# For files that do not identify their customers: the row's number is the id.
ROW_NUMBER = "(row number)"


class ContractError(ValueError):
    """When a contract file does not say what a contract must; lists every fault with its place."""

    said = "contract {} cannot be used"

    def __init__(self, source: str, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(f"{self.said.format(source)}:\n" + "\n".join(f"  {f}" for f in faults))


class DraftError(ContractError):
    """When no contract can be drafted from a file, as it is or as it was asked for."""

    said = "no contract was drafted from {}"


@dataclass(frozen=True)
class Words:
    """How a feature is said to a manager in one language.

    `phrases` is keyed by category, by `true`/`false`, or by `zero`, `one`, `many`, `missing`.
    """

    label: str
    phrases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Feature:
    """One model input, or one attribute kept only to measure fairness (`used` false)."""

    name: str
    column: str
    type: str
    low: float | None = None
    high: float | None = None
    categories: tuple[str, ...] = ()
    true_values: tuple[str, ...] = ("true", "1")
    false_values: tuple[str, ...] = ("false", "0")
    missing: str = "refused"
    missing_means: str = ""
    missing_fill: float | str | bool | None = None
    missing_values: tuple[str, ...] = ("",)
    sensitive: bool = False
    used: bool = True
    direction: str = "none"
    from_analysis: bool = False
    recorded_after_label: bool = False
    # How the file writes numbers, and whether a category that the contract does not name may be scored.
    decimal: str = "."
    thousands: str = ""
    units: tuple[str, ...] = ()
    unseen: str = "refused"
    words: Mapping[str, Words] = field(default_factory=dict)

    @property
    def numeric(self) -> bool:
        """True for numbers and integers, false for categories and booleans."""
        return self.type in ("number", "integer")


@dataclass(frozen=True)
class Label:
    """The column that says who left, and within how many days of the features' date.

    An outcome that is `unknown` (an empty cell always is) is scored and never trained on.
    """

    column: str
    positive: tuple[str, ...]
    negative: tuple[str, ...]
    horizon_days: int
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Consents:
    """What the people of a file without `consents.csv` are declared to have agreed to, and why."""

    granted: tuple[str, ...] = ()
    source: str = ""
    policy_version: str = ""


@dataclass(frozen=True)
class Contract:
    """A whole contract; `annual_value_*` say how the file gives a customer's yearly worth."""

    name: str
    description: str
    id_column: str
    label: Label
    features: tuple[Feature, ...]
    as_of_column: str | None = None
    annual_value_column: str | None = None
    annual_value_factor: float = 1.0
    consents: Consents = Consents()

    @property
    def inputs(self) -> tuple[Feature, ...]:
        """The features that the model reads, in the contract's order."""
        return tuple(f for f in self.features if f.used)

    @property
    def from_file(self) -> tuple[Feature, ...]:
        """The features that a data file must bring (not found by an agent at run time)."""
        return tuple(f for f in self.features if not f.from_analysis)

    def feature(self, name: str) -> Feature:
        """The feature of that name; KeyError when there is none."""
        return {f.name: f for f in self.features}[name]

    def fingerprint(self) -> str:
        """SHA-256 (hex) of everything the contract says, in one canonical form."""
        said = asdict(self)
        # What was added later and is not used leaves older contracts' fingerprints as they were.
        for part, fields, defaults in ((said["label"], LATER_LABEL, Label("", (), (), 0)), *_features_of(said)):
            for name in fields:
                if part[name] == getattr(defaults, name):
                    del part[name]
        canonical = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


LATER_LABEL, LATER_FEATURE = ("unknown",), ("decimal", "thousands", "units", "unseen")


def _features_of(said: Mapping[str, Any]) -> list[tuple[dict[str, Any], tuple[str, ...], Feature]]:
    return [(feature, LATER_FEATURE, Feature("", "", "")) for feature in said["features"]]


def load_contract(name_or_path: str | Path) -> Contract:
    """Read a shipped contract by name (`bank`) or any contract by path."""
    path = contract_path(name_or_path)
    if not path.is_file():
        shipped = ", ".join(sorted(p.stem for p in FOLDER.glob("*.toml")))
        raise ContractError(str(name_or_path), [f"no such file: {path}; shipped contracts: {shipped}"])
    contract = parse_contract(path.read_text(encoding="utf-8"), path.name)
    if path.resolve().parent != FOLDER.resolve() and not _is_copy(contract):
        refuse_shipped_name(contract.name, path.name)
    return contract


def refuse_shipped_name(name: str, source: str) -> None:
    """Raise ContractError when a contract of one's own bears a shipped contract's name."""
    if name.casefold() in {path.stem for path in FOLDER.glob("*.toml")}:
        own = f"{name.casefold()}_own"
        said = f'name: {name!r} is a shipped contract, whose customers yours would join; write another, such as "{own}"'
        raise ContractError(source, [said])


def _is_copy(contract: Contract) -> bool:
    shipped = FOLDER / f"{contract.name}.toml"
    if not shipped.is_file():
        return False
    return parse_contract(shipped.read_text(encoding="utf-8")).fingerprint() == contract.fingerprint()


def contract_path(name_or_path: str | Path) -> Path:
    """The contract's file: a shipped one's by its name, any other's by its path."""
    path = Path(name_or_path)
    return path if path.suffix == ".toml" else FOLDER / f"{name_or_path}.toml"


def parse_contract(text: str, source: str = "(text)") -> Contract:
    """Parse and check a contract; raises ContractError with every fault found."""
    from model.contract_checks import find_faults

    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ContractError(source, [f"not TOML: {exc}"]) from exc
    if faults := find_faults(raw):
        raise ContractError(source, faults)
    return _build(raw)


def _build(raw: Mapping[str, Any]) -> Contract:
    value = raw.get("annual_value", {})
    return Contract(
        name=raw["name"],
        description=raw.get("description", ""),
        id_column=_column(raw["id_column"]),
        as_of_column=_column(raw["as_of_column"]) if raw.get("as_of_column") else None,
        label=_build_label(raw["label"]),
        features=tuple(_build_feature(f) for f in raw["feature"]),
        annual_value_column=_column(value["column"]) if value.get("column") else None,
        annual_value_factor=float(value.get("factor", 1.0)),
        consents=_build_consents(raw.get("consents", {})),
    )


def _build_label(raw: Mapping[str, Any]) -> Label:
    unknown = tuple(raw.get("unknown", ()))
    return Label(_column(raw["column"]), tuple(raw["positive"]), tuple(raw["negative"]), raw["horizon_days"], unknown)


def _column(name: str) -> str:
    """A column's name as files are read: trimmed, in composed Unicode."""
    return unicodedata.normalize("NFC", name).strip()


def _build_consents(raw: Mapping[str, Any]) -> Consents:
    return Consents(tuple(raw.get("granted", ())), raw.get("source", ""), raw.get("policy_version", ""))


def _build_feature(raw: Mapping[str, Any]) -> Feature:
    low, high = raw.get("range", (None, None))
    plain = ("type", "missing", "missing_means", "missing_fill", "sensitive", "used", "direction")
    flags = ("from_analysis", "recorded_after_label", "decimal", "thousands", "unseen")
    lists = ("categories", "true_values", "false_values", "missing_values", "units")
    given: dict[str, Any] = {k: raw[k] for k in (*plain, *flags) if k in raw}
    given |= {k: tuple(raw[k]) for k in lists if k in raw}
    words = {
        language: Words(said["label"], {k: str(v) for k, v in said.items() if k != "label"})
        for language, said in raw.get("words", {}).items()
    }
    return Feature(
        name=raw["name"], column=_column(raw.get("column", raw["name"])), low=low, high=high, words=words, **given
    )
