"""Find every fault of a contract file, each with its place and its remedy."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from model.cells import fold
from model.contract import DIRECTIONS, LANGUAGES, POLICIES, TYPES
from vigie.vocabulary import Purpose

FEATURE_KEYS = {
    "name", "column", "type", "range", "categories", "true_values", "false_values", "missing",
    "missing_means", "missing_fill", "missing_values", "sensitive", "used", "direction",
    "from_analysis", "recorded_after_label", "words", "decimal", "thousands", "units", "unseen",
}  # fmt: skip
TOP_KEYS = {"name", "description", "id_column", "as_of_column", "label", "annual_value", "consents", "feature"}
FORMATS: Mapping[str, tuple[str, ...]] = {
    "decimal": (".", ","),
    "thousands": ("", ",", ".", " ", "'"),
    "unseen": ("refused", "kept"),
}
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
LABEL_KEYS = {"column": str, "positive": list, "negative": list, "horizon_days": int}


def find_faults(raw: Mapping[str, Any]) -> list[str]:
    """Every fault as `place: what is wrong; what to do`, in the file's order; empty when sound."""
    faults = [f"{k}: unknown key; known: {', '.join(sorted(TOP_KEYS))}" for k in sorted(set(raw) - TOP_KEYS)]
    for key in ("name", "id_column"):
        if not isinstance(raw.get(key), str) or not raw[key].strip():
            faults.append(f'{key}: missing; write {key} = "…"')
    faults += _name_faults(raw.get("name"))
    faults += _label_faults(raw.get("label"))
    faults += _value_faults(raw.get("annual_value", {}))
    faults += _consent_faults(raw.get("consents", {}))
    features = raw.get("feature")
    if not isinstance(features, list) or not features:
        return [*faults, "feature: none given; add at least one [[feature]] table"]
    for position, feature in enumerate(features, start=1):
        faults += _feature_faults(feature, position)
    return faults + _repeated(features) + _clashes(raw, features)


def _name_faults(name: object) -> list[str]:
    # Versions of models and the audit trail are named after it.
    if not isinstance(name, str) or not name.strip() or NAME.fullmatch(name):
        return []
    return [f"name: {name!r}; write small letters, digits, - and _, a letter or digit first, at most 60 of them"]


def _label_faults(label: object) -> list[str]:
    if not isinstance(label, dict):
        return ["label: missing; add a [label] table with column, positive, negative, horizon_days"]
    faults = [f"label.{k}: unknown key" for k in sorted(set(label) - set(LABEL_KEYS) - {"unknown"})]
    if not isinstance(label.get("unknown", []), list):
        faults.append(f"label.unknown: {label['unknown']!r}; list the outcomes that are not known yet")
    for key, kind in LABEL_KEYS.items():
        if not isinstance(label.get(key), kind) or not label[key]:
            faults.append(f"label.{key}: {label.get(key)!r} is not a filled {kind.__name__}")
    return faults or _named_twice(label)


def _named_twice(label: Mapping[str, Any]) -> list[str]:
    """Outcomes are one, however they are spelled: `Yes` and `YES` must not be both kinds."""
    kinds = {k: {fold(str(o)) for o in label.get(k, ())} for k in ("positive", "negative", "unknown")}
    pairs = (("positive", "negative"), ("positive", "unknown"), ("negative", "unknown"))
    return [
        f"label: {sorted(both)} named as {one} and as {other}; keep one"
        for one, other in pairs
        if (both := kinds[one] & kinds[other])
    ]


def _value_faults(value: object) -> list[str]:
    if not isinstance(value, dict):
        return ["annual_value: not a table; write [annual_value] with column and factor"]
    if value and not isinstance(value.get("column"), str):
        return ["annual_value.column: missing; name the column that holds the customer's value"]
    return []


def _consent_faults(consents: object) -> list[str]:
    if not isinstance(consents, dict) or (consents and not isinstance(consents.get("granted"), list)):
        return ["consents: write [consents] with granted = [purposes], source and policy_version"]
    faults = [
        f"consents.granted: {p!r}; write purposes among {', '.join(Purpose)}"
        for p in consents.get("granted", ())
        if p not in Purpose
    ]
    for key in ("source", "policy_version"):
        if consents and not consents.get(key):
            faults.append(f"consents.{key}: missing; say where these consents come from")
    return faults


def _feature_faults(feature: object, position: int) -> Iterator[str]:
    if not isinstance(feature, dict) or not isinstance(feature.get("name"), str):
        yield f'feature {position}: no name; write name = "…"'
        return
    place = f"feature {position} ({feature['name']})"
    for key in sorted(set(feature) - FEATURE_KEYS):
        yield f"{place}.{key}: unknown key; known: {', '.join(sorted(FEATURE_KEYS))}"
    yield from _choice_faults(feature, place)
    yield from _domain_faults(feature, place)
    yield from _words_faults(feature, place)


def _choice_faults(feature: Mapping[str, Any], place: str) -> Iterator[str]:
    for key, allowed in (("type", TYPES), ("direction", DIRECTIONS), ("missing", POLICIES)):
        value = feature.get(key, None if key == "type" else allowed[0])
        if value not in allowed:
            yield f"{place}.{key}: {value!r}; write one of {', '.join(allowed)}"
    for key in ("sensitive", "used", "from_analysis", "recorded_after_label"):
        if not isinstance(feature.get(key, False), bool):
            yield f"{place}.{key}: {feature[key]!r}; write true or false"
    for key, marks in FORMATS.items():
        if (mark := feature.get(key, marks[0])) not in marks:
            yield f"{place}.{key}: {mark!r}; write one of {', '.join(map(repr, marks))}"
    if feature.get("decimal", ".") == feature.get("thousands"):
        yield f"{place}.thousands: {feature['thousands']!r} is the decimal mark too; keep one"
    if feature.get("missing") == "filled" and "missing_fill" not in feature:
        yield f"{place}.missing_fill: missing; say which value stands for a missing one"
    if feature.get("missing", "refused") != "refused" and not feature.get("missing_means"):
        yield f"{place}.missing_means: missing; say in a sentence what a missing value means"


def _domain_faults(feature: Mapping[str, Any], place: str) -> Iterator[str]:
    kind, limits = feature.get("type"), feature.get("range")
    if kind in ("number", "integer"):
        if not _is_range(limits):
            yield f"{place}.range: {limits!r}; write range = [lowest, highest]"
    elif limits is not None:
        yield f"{place}.range: only numbers have one; remove it"
    if kind == "category" and not feature.get("categories"):
        yield f"{place}.categories: missing; list every value the column may hold"
    if kind in ("category", "boolean") and feature.get("direction", "none") != "none":
        yield f"{place}.direction: only numbers are monotone; remove it"


def _is_range(limits: object) -> bool:
    return (
        isinstance(limits, list)
        and len(limits) == 2
        and all(isinstance(v, int | float) and not isinstance(v, bool) for v in limits)
        and limits[0] < limits[1]
    )


def _words_faults(feature: Mapping[str, Any], place: str) -> Iterator[str]:
    for language in LANGUAGES:
        said = feature.get("words", {}).get(language, {})
        if not isinstance(said, dict) or not isinstance(said.get("label"), str):
            yield f'{place}.words.{language}.label: missing; write words.{language} = {{ label = "…" }}'


def _repeated(features: Sequence[Any]) -> list[str]:
    names = [f.get("name") for f in features if isinstance(f, dict)]
    again = sorted({str(n) for n in names if names.count(n) > 1})
    return [f"feature {n}: named twice; names are unique" for n in again]


def _clashes(raw: Mapping[str, Any], features: Sequence[Any]) -> list[str]:
    label = raw.get("label")
    reserved = {raw.get("id_column"): "id_column"}
    if isinstance(label, dict):
        reserved[label.get("column")] = "label"
    columns = [f.get("column", f.get("name")) for f in features if isinstance(f, dict)]
    return [
        f"feature column {c!r}: is also the {reserved[c]}; a model must not read it" for c in columns if c in reserved
    ]
