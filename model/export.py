"""Write a trained glass-box as a scorer: readable JSON tables that NumPy alone can score."""

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.contract import Contract, Feature
from model.design import Matrix
from vigie_scoring.scorer import FORMAT

# Part of every version's name: raise it when the same model is written differently.
EXPORTER = "2"
HOW_TO_READ = (
    "log-odds of leaving = intercept + one value per term. A table's first place is for a missing value, "
    "its last for an unknown one; between them a number falls between the cuts (a value equal to a cut "
    "belongs above it), a word is looked up in words. A line is offset + slope * value. "
    "Probability = 1 / (1 + exp(-log-odds))."
)
Floats = NDArray[np.float64]


def export_scorer(
    pipeline: Any, contract: Contract, inputs: Sequence[Feature], version: str, kind: str, matrix: Matrix
) -> dict[str, Any]:
    """The scorer as JSON data; `matrix` is the training matrix, used to centre a linear model's parts."""
    model = pipeline.steps[-1][1]
    if hasattr(model, "term_scores_"):
        intercept, terms = float(model.intercept_[0]), export_ebm(model, inputs)
    else:
        intercept, terms = export_additive(pipeline, inputs, matrix)
    return {
        "format": FORMAT,
        "how_to_read": HOW_TO_READ,
        "version": version,
        "kind": kind,
        "contract": {"name": contract.name, "fingerprint": contract.fingerprint()},
        "intercept": intercept,
        "features": [_describe_feature(f) for f in inputs],
        "terms": terms,
        "groups": [_describe_feature(f) for f in contract.features if f.sensitive],
    }


def write_scorer(scorer: Mapping[str, Any]) -> str:
    """The scorer file's text, a list of numbers to a line so that people can read and compare it."""
    text = json.dumps(scorer, ensure_ascii=False, indent=1, allow_nan=False)
    return re.sub(r"\[[-+.,eE\d\s]+\]", lambda found: _on_one_line(found[0]), text) + "\n"


def _on_one_line(numbers: str) -> str:
    return " ".join(numbers.split()).replace("[ ", "[").replace(" ]", "]")


def export_ebm(model: Any, inputs: Sequence[Feature]) -> list[dict[str, Any]]:
    """Every term of an explainable boosting machine, its tables unrounded."""
    terms = []
    for positions, scores in zip(model.term_features_, model.term_scores_, strict=True):
        axes = [_ebm_axis(model, inputs, position, len(positions)) for position in positions]
        places = np.ix_(*(np.array(a.pop("from"), dtype=np.intp) for a in axes))
        table = np.asarray(scores, dtype=np.float64)[places]
        names = [inputs[p].name for p in positions]
        terms.append({"features": names, "axes": axes, "table": table.tolist()})
    return terms


def _ebm_axis(model: Any, inputs: Sequence[Feature], position: int, dimensions: int) -> dict[str, Any]:
    # A feature may be cut more coarsely in pairs than alone: the last cuts given serve all beyond.
    levels = model.bins_[position]
    bins = levels[min(dimensions, len(levels)) - 1]
    if isinstance(bins, dict):
        words = sorted(bins, key=lambda w: (bins[w], w))
        last = max(bins.values(), default=0) + 1
        return {"feature": inputs[position].name, "words": words, "from": [0, *(bins[w] for w in words), last]}
    return {"feature": inputs[position].name, "cuts": bins.tolist(), "from": range(len(bins) + 3)}


def export_additive(pipeline: Any, inputs: Sequence[Feature], matrix: Matrix) -> tuple[float, list[dict[str, Any]]]:
    """Any pipeline whose log-odds are a sum of lines in numbers and tables in words, found by probing.

    Each part is centred on its mean over the training rows, so that it says how a customer differs.
    """
    start = _typical_row(matrix, inputs)
    base = intercept = float(pipeline.decision_function(start[None, :])[0])
    terms = []
    for k, feature in enumerate(inputs):
        term, centre = _probe(pipeline, feature, k, start, base, matrix[:, k])
        terms.append(term)
        intercept += centre
    return intercept, terms


def _probe(
    pipeline: Any, feature: Feature, k: int, start: Matrix, base: float, column: Matrix
) -> tuple[dict[str, Any], float]:
    if feature.numeric:
        low, high = float(feature.low or 0.0), float(feature.high or 1.0)
        at_low, at_high, missing = _ask(pipeline, start, k, [low, high, float("nan")]) - base
        slope = (at_high - at_low) / (high - low)
        offset = at_low - slope * low
        values = column.astype(np.float64)
        centre = float(np.where(np.isnan(values), missing, offset + slope * values).mean())
        line = {"slope": slope, "offset": offset - centre, "missing": missing - centre, "unknown": missing - centre}
        return {"features": [feature.name], **{n: float(v) for n, v in line.items()}}, centre
    words = list(feature.categories) or ["false", "true"]
    found = _ask(pipeline, start, k, [None, *words, "\N{NULL}never seen"]) - base
    place: dict[object, int] = {None: 0} | {w: i for i, w in enumerate(words, start=1)}
    centre = float(found[[place[v] for v in column]].mean())
    axis = {"feature": feature.name, "words": words}
    return {"features": [feature.name], "axes": [axis], "table": (found - centre).tolist()}, centre


def _ask(pipeline: Any, start: Matrix, k: int, values: Sequence[object]) -> Floats:
    probes = np.tile(start, (len(values), 1))
    probes[:, k] = list(itertools.chain(values))
    return np.asarray(pipeline.decision_function(probes), dtype=np.float64)


def _typical_row(matrix: Matrix, inputs: Sequence[Feature]) -> Matrix:
    row: Matrix = matrix[0].copy()
    for k, feature in enumerate(inputs):
        if feature.numeric:
            known = matrix[:, k].astype(np.float64)
            row[k] = float(np.nanmedian(known)) if not np.all(np.isnan(known)) else float("nan")
    return row


def _describe_feature(feature: Feature) -> dict[str, Any]:
    said: dict[str, Any] = {"name": feature.name, "type": feature.type, "sensitive": feature.sensitive}
    if feature.numeric:
        said["range"] = [feature.low, feature.high]
    elif feature.categories:
        said["categories"] = list(feature.categories)
    words = {language: {"label": w.label, **w.phrases} for language, w in feature.words.items()}
    return said | {"words": words}
