"""The dashboard's frame: language, navigation, and what to do when data cannot be read.

Run by `dashboard/server.py`.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import markup
from dashboard.errors import DashboardError
from dashboard.view import View, choose_language, current_view, show

HERE = Path(__file__).parent
SECTIONS = {
    "retention": {"overview": "monitoring", "customers": "group", "customer": "person"},
    "actions": {"review": "rule", "campaigns": "campaign", "offers": "redeem"},
    "proof": {
        "audit": "list_alt",
        "runs": "play_circle",
        "governance": "shield_person",
        "claims": "verified",
        "model": "model_training",
    },
}


def choose_page(view: View) -> st.Page:
    """The navigation; addresses are the same in both languages."""
    pages = {
        view.words(f"nav.{section}"): [_page(view, name, icon) for name, icon in names.items()]
        for section, names in SECTIONS.items()
    }
    return st.navigation(pages)


def _page(view: View, name: str, icon: str) -> st.Page:
    return st.Page(
        HERE / "app_pages" / f"{name}.py",
        title=view.words(f"nav.{name}"),
        icon=f":material/{icon}:",
        url_path=name,
        default=name == "overview",
        visibility="hidden" if name == "customer" else "visible",
    )


def show_error(view: View, error: DashboardError) -> None:
    """What is wrong, and what to do."""
    remedy = markup.prose(view.words(f"error.{error.kind}", **error.values))
    show(markup.tag("section", markup.tag("h2", view.words("error.title")), remedy, css="panel error", role="alert"))
    st.button(view.words("error.retry"))


def main() -> None:
    """Draw the frame and the page."""
    st.set_page_config(page_title="Vigie", page_icon=str(HERE / "logo.svg"), layout="wide")
    st.html(HERE / "style.css")
    st.logo(str(HERE / "wordmark.svg"), icon_image=str(HERE / "logo.svg"), size="large")
    choose_language()
    view = current_view()
    page = choose_page(view)
    try:
        page.run()
    except DashboardError as error:
        show_error(view, error)
    st.query_params["lang"] = view.language
    with st.sidebar:
        times = view.words("app.times", zone=str(view.formats.zone))
        show(markup.tag("p", times, css="note"), markup.tag("p", view.words("app.read_only"), css="note"))


main()
