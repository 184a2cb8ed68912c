"""Model: which one scores, who approved it, how good it is, and its card."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import markup
from dashboard.card import find_card
from dashboard.markup import Html
from dashboard.queries import list_models
from dashboard.view import ROOT, View, choose, current_view, read_cached, show, show_title

STATES = {"candidate": "", "approved": "low", "retired": "medium"}
_IMAGE = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<path>[^)\s]+)\)")
# Tables of the card, too long for this panel, and what the list above it says already.
LEFT_TO_THE_CARD = {"fairness", "comparison", "importance", "libraries", "algorithm", "version", "contract"}
Row = dict[str, Any]


def registry_table(view: View, models: list[Row]) -> Html:
    """Every registered model, newest first."""
    words, formats = view.words, view.formats
    rows = [
        [
            view.link("model", model["version"], version=model["version"]),
            markup.pill(words(f"model_state.{model['state']}"), STATES[model["state"]]),
            words.name_of("algorithm", model["algorithm"]),
            model["contract"],
            formats.moment(model["registered_at"]),
            words("model.approved_by", when=formats.moment(model["approved_at"]), who=model["approved_by"])
            if model["approved_at"] else "–",
        ]
        for model in models
    ]  # fmt: skip
    heads = [words(f"model.{key}") for key in ("version", "state", "algorithm", "contract", "registered", "approved")]
    return markup.table(words("model.registry"), heads, rows)


def metrics_panel(view: View, model: Row) -> Html:
    """The figures stored with a model."""
    words = view.words
    metrics = {key: value for key, value in model["metrics"].items() if key not in LEFT_TO_THE_CARD}
    rows = [[name, value] for name, value in _flatten(view, metrics)]
    body = markup.table(words("model.metric"), [words("model.metric"), words("model.value")], rows, right=[1])
    return markup.panel(words("model.metrics", version=model["version"]), body)


def _flatten(view: View, metrics: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    """Names and values; groups become `group: name`, lists and texts are left to the card."""
    found: list[tuple[str, str]] = []
    for key, value in metrics.items():
        name = f"{above}{view.words.name_of('metric', key)}"
        if isinstance(value, Mapping):
            found += _flatten(view, value, f"{name}: ")
        elif isinstance(value, bool) or value is None:
            continue
        elif isinstance(value, int | float):
            found.append((name, view.formats.number(value, 0 if float(value).is_integer() else 4)))
        elif isinstance(value, str) and len(value) < 60:
            found.append((name, value))
    return found


def identity_panel(view: View, model: Row) -> Html:
    """The fingerprints that tie the model to its data and contract."""
    words = view.words
    facts = [
        (words("model.scorer"), markup.tag("code", model["scorer_sha256"])),
        (words("model.training"), markup.tag("code", model["training_sha256"])),
        (words("runs.contract"), markup.tag("code", model["contract_sha256"])),
    ]
    return markup.panel(model["version"], markup.facts(facts))


def show_card(view: View) -> None:
    """MODEL_CARD.md with its pictures, which are in the same folder."""
    card = find_card(ROOT)
    if not card.exists():
        show(markup.panel(view.words("model.card"), markup.prose(view.words("empty.no_card"))))
        return
    with st.expander(view.words("model.card"), expanded=True):
        text = card.read_text(encoding="utf-8")
        start = 0
        for image in _IMAGE.finditer(text):
            st.markdown(text[start : image.start()])
            _show_image(card.parent, image["path"], image["alt"])
            start = image.end()
        st.markdown(text[start:])


def _show_image(folder: Path, path: str, alt: str) -> None:
    """A picture of the card's folder; what lies elsewhere, or is missing, is named instead."""
    file = (folder / path).resolve()
    if file.is_relative_to(folder.resolve()) and file.exists():
        st.image(str(file), caption=alt or None)
    else:
        st.markdown(f"*{alt or path}*")


def main() -> None:
    """Draw the page."""
    view = current_view()
    show_title(view, "model", view.words("model.subtitle"))
    models = read_cached(view, list_models)
    if not models:
        show(markup.empty(view.words("empty.no_model"), markup.prose(view.words("empty.no_model_do"))))
        return
    show(registry_table(view, models))
    by_version = {model["version"]: model for model in models}
    with st.columns(2)[0]:
        chosen = choose(view, "version", view.words("model.choose"), list(by_version), str, optional=False)
    show(markup.row(metrics_panel(view, by_version[chosen]), identity_panel(view, by_version[chosen])))
    show_card(view)


main()
