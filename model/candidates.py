"""The models that compete, from the most readable to the least."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from interpret.glassbox import ExplainableBoostingClassifier  # type: ignore[import-untyped]
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer  # type: ignore[import-untyped]
from sklearn.ensemble import HistGradientBoostingClassifier  # type: ignore[import-untyped]
from sklearn.impute import SimpleImputer  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.pipeline import Pipeline, make_pipeline  # type: ignore[import-untyped]
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler  # type: ignore[import-untyped]

from model.contract import Feature
from model.design import Matrix

Labels = NDArray[np.int64]

SEED = 7
MONOTONE = {"raises": 1, "lowers": -1, "none": 0}
OUTER_BAGS = 8
# Of the customers of a bag, those by whom it is decided when to stop; and the most rounds, which bound the time.
VALIDATION_SHARE, MAX_ROUNDS = 0.15, 5_000


@dataclass(frozen=True)
class EbmSettings:
    """How fine a glass-box may be: how many pairs, steps of a curve, and steps of a pair along each side."""

    pairs: int
    bins: int
    pair_bins: int

    def __str__(self) -> str:
        pairs = f"{self.pairs} pairs of {self.pair_bins} by {self.pair_bins} steps" if self.pairs else "no pairs"
        return f"{pairs}, curves of {self.bins} steps"


# 64 steps keep every curve short enough to read; twenty pairs are the most that anyone would read.
CURVES = EbmSettings(0, 64, 8)
PAIRS = (EbmSettings(5, 64, 8), EbmSettings(10, 128, 16), EbmSettings(20, 256, 32))


@dataclass(frozen=True)
class Candidate:
    """A kind of model: how it is called, whether it can be exported as a scorer, how it is built.

    Where there are several `settings`, from the most readable to the least, validation chooses among them.
    """

    key: str
    title: str
    glass_box: bool
    build: Callable[[Sequence[Feature], EbmSettings, int], Any]
    settings: tuple[EbmSettings, ...] = (CURVES,)


def build_logistic(inputs: Sequence[Feature], _settings: EbmSettings = CURVES, _bags: int = 1) -> Pipeline:
    """Standardised numbers with a flag where missing, one column per word; no class weights."""
    fill = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    numbers = make_pipeline(FunctionTransformer(_to_float), fill, StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore")
    return make_pipeline(_by_type(inputs, numbers, words), LogisticRegression(C=1.0, max_iter=2000))


def build_boosting(inputs: Sequence[Feature], _settings: EbmSettings = CURVES, _bags: int = 1) -> Pipeline:
    """Histogram gradient boosting, stopped early on a held-out tenth."""
    words = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan)
    numeric = sum(f.numeric for f in inputs)
    model = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_leaf_nodes=8,
        min_samples_leaf=40,
        l2_regularization=1.0,
        max_iter=400,
        early_stopping=True,
        categorical_features=list(range(numeric, len(inputs))),
        random_state=SEED,
    )
    return make_pipeline(_by_type(inputs, FunctionTransformer(_to_float), words), model)


def build_ebm(inputs: Sequence[Feature], settings: EbmSettings = CURVES, bags: int = OUTER_BAGS) -> Pipeline:
    """One curve per feature, monotone where the contract says so, and a table per pair."""
    possible = len(inputs) * (len(inputs) - 1) // 2
    return make_pipeline(
        ExplainableBoostingClassifier(
            feature_names=[f.name for f in inputs],
            feature_types=["continuous" if f.numeric else "nominal" for f in inputs],
            monotone_constraints=[MONOTONE[f.direction] for f in inputs],
            interactions=min(settings.pairs, possible),
            max_bins=settings.bins,
            max_interaction_bins=settings.pair_bins,
            outer_bags=bags,
            validation_size=VALIDATION_SHARE,
            max_rounds=MAX_ROUNDS,
            n_jobs=1,
            random_state=SEED,
        )
    )


CANDIDATES = (
    Candidate("logistic_regression", "Logistic regression", True, build_logistic),
    Candidate("ebm", "Explainable boosting machine", True, build_ebm),
    Candidate("ebm_pairs", "Explainable boosting machine, pairs", True, build_ebm, PAIRS),
    Candidate("gradient_boosting", "Histogram gradient boosting", False, build_boosting),
)


def fit(
    candidate: Candidate,
    inputs: Sequence[Feature],
    matrix: Matrix,
    labels: Labels,
    settings: EbmSettings | None = None,
    bags: int = OUTER_BAGS,
    groups: Labels | None = None,
) -> Any:
    """Build and fit a candidate's pipeline, with its plainest settings unless some are given.

    `groups` (n,) says which rows are one person: a glass-box stops learning by what it finds on other people.
    """
    with warnings.catch_warnings():
        # It concerns interpret's own plots, which are not used: missing values have a place of their own.
        warnings.filterwarnings("ignore", message="Missing values detected", category=UserWarning)
        pipeline = candidate.build(inputs, settings or candidate.settings[0], bags)
        kept = {}
        if groups is not None and candidate.build is build_ebm and len(np.unique(groups)) < len(groups):
            kept = {f"{pipeline.steps[-1][0]}__bags": _draw_bags(groups, bags)}
        return pipeline.fit(matrix, labels, **kept)


def _draw_bags(groups: Labels, bags: int) -> NDArray[np.int8]:
    """For each bag, 1 for the rows that it learns from, -1 for those of the people by whom it stops."""
    people, rows = np.unique(groups, return_inverse=True)
    draw = np.random.default_rng(SEED)
    held = max(1, round(VALIDATION_SHARE * len(people)))
    found = np.ones((bags, len(groups)), dtype=np.int8)
    for bag in found:
        chosen = np.zeros(len(people), dtype=bool)
        chosen[draw.permutation(len(people))[:held]] = True
        bag[chosen[rows]] = -1
    return np.ascontiguousarray(found.T)


def find_candidate(key: str) -> Candidate:
    """The candidate of that key; KeyError when there is none."""
    return {c.key: c for c in CANDIDATES}[key]


def _by_type(inputs: Sequence[Feature], numbers: Any, words: Any) -> ColumnTransformer:
    numeric = [k for k, f in enumerate(inputs) if f.numeric]
    other = [k for k, f in enumerate(inputs) if not f.numeric]
    return ColumnTransformer([("numbers", numbers, numeric), ("words", words, other)], sparse_threshold=0)


def _to_float(matrix: Any) -> Any:
    return np.asarray(matrix, dtype=np.float64)
