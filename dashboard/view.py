"""What every page needs: the reader's language and time zone, the database, filters kept in the address."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from dashboard import markup
from dashboard.connection import Database
from dashboard.formatting import Formats
from dashboard.markup import Html
from dashboard.queries import list_runs
from dashboard.wording import LANGUAGES, Wording

ROOT = Path(__file__).resolve().parents[1]
# Long enough that opening a page twice asks the database once, short enough to follow a run.
CACHE_S = 20


@dataclass(frozen=True)
class View:
    """One reader: texts, formats, and the database."""

    words: Wording
    formats: Formats
    db: Database

    @property
    def language(self) -> str:
        return self.words.language

    def link(self, page: str, label: object, **parameters: str) -> Html:
        """A link to a page, in the reader's language."""
        return markup.link(page, label, **parameters, lang=self.language)


@st.cache_resource
def _database() -> Database:
    return Database()


def current_view() -> View:
    """The reader of this session."""
    language = st.session_state.get("lang", "en")
    return View(Wording(language), Formats(language, _browser_zone()), _database())


def choose_language() -> None:
    """The switch in the sidebar; starts as the address says, else as the browser is set."""
    if "lang" not in st.session_state:
        wanted = st.query_params.get("lang") or (st.context.locale or "en")[:2].lower()
        st.session_state["lang"] = wanted if wanted in LANGUAGES else "en"
    words = Wording(st.session_state["lang"])
    with st.sidebar:
        st.radio(words("app.language"), list(LANGUAGES), format_func=LANGUAGES.__getitem__, key="lang", horizontal=True)


def show(*parts: object) -> None:
    """Put parts into the page."""
    st.html(markup.tag("div", *parts, css="v"))


def show_title(view: View, page: str, subtitle: object = "") -> None:
    """A page's heading."""
    heading = markup.tag("h1", view.words(f"nav.{page}"))
    show(markup.tag("div", heading, markup.tag("span", subtitle, css="muted"), css="title"))


@st.cache_data(ttl=CACHE_S, max_entries=400, show_spinner=False)
def _cached(name: str, arguments: tuple[Any, ...], _query: Callable[..., Any], _db: Database) -> Any:  # noqa: ARG001
    return _query(_db, *arguments)


def read_cached[T](view: View, query: Callable[..., T], *arguments: Any) -> T:
    """A query's answer, at most CACHE_S old and shared by all sessions."""
    answer: T = _cached(f"{query.__module__}.{query.__qualname__}", arguments, query, view.db)
    return answer


def choose(
    view: View,
    key: str,
    label: str,
    options: Sequence[str],
    name: Callable[[str], str],
    optional: bool = True,
) -> str:
    """A choice kept in the address under `key`; the empty string is any."""
    values = ["", *options] if optional else list(options)
    _keep(key, values[0], values)
    named = {value: name(value) if value else view.words("app.any") for value in values}
    chosen = st.selectbox(label, values, format_func=named.__getitem__, key=key)
    _remember(key, chosen, values[0])
    return chosen or ""


def type_in(key: str, label: str, placeholder: str) -> str:
    """A text kept in the address under `key`."""
    _keep(key, "", None)
    text = st.text_input(label, key=key, placeholder=placeholder, max_chars=80).strip()
    _remember(key, text, "")
    return text


def _keep(key: str, default: str, allowed: Sequence[str] | None) -> None:
    """Set the widget's value again on each run: a translated label would otherwise reset it."""
    value = st.session_state.get(key, st.query_params.get(key, default))
    st.session_state[key] = value if allowed is None or value in allowed else default


def _remember(key: str, value: str, default: str) -> None:
    if value != default:
        st.query_params[key] = value
    else:
        st.query_params.pop(key, None)


def choose_run(view: View) -> dict[str, Any]:
    """The run to show, the newest unless another is chosen; ends the page when there is none."""
    runs = read_cached(view, list_runs)
    if not runs:
        words = view.words
        show(markup.empty(words("empty.no_run"), markup.prose(words("empty.no_run_do"))))
        st.stop()
    by_id = {run["run_id"]: run for run in runs}

    def name(run_id: str) -> str:
        return f"{run_id} · {view.formats.moment(by_id[run_id]['planned_at'])}"

    return by_id[choose(view, "run", view.words("app.run"), list(by_id), name, optional=False)]


def _browser_zone() -> ZoneInfo:
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
