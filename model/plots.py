"""Draw a model card's plots: ROC, reliability, drivers, drift."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vigie_scoring.drift import ALARMS, WARNS, Drift

INK, MUTED, WARM, COLD = "#1f2d3d", "#8a97a6", "#c8553d", "#2a6f97"
LEVELS = {"ok": COLD, "warning": "#e0a030", "alarm": WARM}
SIZE = (6.0, 4.2)


def draw_roc(record: Mapping[str, Any], path: Path) -> None:
    """True against false positive rate on held-out customers."""
    figure, axes = _new(f"{record['contract']}: ROC on held-out customers")
    axes.plot([0, 1], [0, 1], "--", color=MUTED, linewidth=1, label="Chance")
    points = record["roc"]
    label = f"{record['title']} (AUC {record['held_out']['auc']:.3f})"
    axes.plot([p[0] for p in points], [p[1] for p in points], color=COLD, linewidth=2, label=label)
    axes.set(xlabel="Stayers flagged (false positive rate)", ylabel="Leavers flagged (true positive rate)")
    axes.set(xlim=(0, 1), ylim=(0, 1.01))
    axes.legend(loc="lower right", frameon=False)
    _save(figure, path)


def draw_reliability(record: Mapping[str, Any], path: Path) -> None:
    """Observed share against predicted probability, with the number of customers in each bin."""
    ece = record["held_out"]["ece"]
    figure, axes = _new(f"{record['contract']}: calibration on held-out customers (error {ece:.3f})")
    bins = record["reliability"]
    axes.plot([0, 1], [0, 1], "--", color=MUTED, linewidth=1, label="Perfect calibration")
    predicted, observed, counts = zip(*bins, strict=True)
    axes.plot(predicted, observed, "o-", color=COLD, linewidth=2, label=record["title"])
    for x, y, count in bins:
        axes.annotate(f"{count:,}", (x, y), xytext=(6, -11), textcoords="offset points", color=MUTED, fontsize=8)
    axes.set(
        xlabel="Predicted probability (mean of bin)", ylabel="Share who left", xlim=(-0.01, 1.01), ylim=(-0.03, 1.03)
    )
    axes.legend(loc="upper left", frameon=False, title=f"{sum(counts):,} customers, number per bin")
    _save(figure, path)


def draw_drivers(record: Mapping[str, Any], labels: Mapping[str, str], path: Path) -> None:
    """How much each feature moves the log-odds on average."""
    importance = sorted(record["importance"].items(), key=lambda item: float(item[1]))
    figure, axes = _new(f"{record['contract']}: what drives the score", height=1.2 + 0.28 * len(importance))
    names = [labels.get(name, name) for name, _ in importance]
    axes.barh(names, [value for _, value in importance], color=COLD)
    axes.set(xlabel="Mean absolute contribution to the log-odds of leaving")
    _save(figure, path)


def draw_drift(contract: str, drifts: Sequence[Drift], labels: Mapping[str, str], against: str, path: Path) -> None:
    """Population stability of every feature and of the score; lines where it warns and alarms."""
    found = sorted((d for d in drifts if d.measure == "psi"), key=lambda d: (d.subject == "score", d.value))
    figure, axes = _new(f"{contract}: {against} against training", height=1.4 + 0.28 * len(found))
    names = ["The score" if d.subject == "score" else labels.get(d.subject, d.subject) for d in found]
    bars = axes.barh(names, [d.value for d in found], color=[LEVELS[d.level] for d in found])
    # A run over the very customers of training has bars of no length: their figures show that they were measured.
    axes.bar_label(bars, fmt="%.3f", padding=4, color=MUTED, fontsize=8)
    for limit, word in ((WARNS, "warns"), (ALARMS, "alarms")):
        axes.axvline(limit, color=MUTED, linestyle="--", linewidth=1)
        axes.annotate(f"{limit} {word}", (limit, 1.0), xycoords=("data", "axes fraction"), xytext=(3, 3),
                      textcoords="offset points", color=MUTED, fontsize=8)  # fmt: skip
    axes.set(xlabel="Population stability index", xlim=(0, max(0.3, *(1.05 * d.value for d in found))))
    axes.title.set_position((0, 1.06))
    _save(figure, path)


def _new(title: str, height: float = SIZE[1]) -> tuple[Figure, Axes]:
    figure, axes = plt.subplots(figsize=(SIZE[0], height), layout="constrained")
    axes.set_title(title, loc="left", color=INK, fontsize=11, pad=16)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9)
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without the program's name and date, the same figures give the same bytes.
    figure.savefig(path, dpi=130, metadata={"Software": None})
    plt.close(figure)
