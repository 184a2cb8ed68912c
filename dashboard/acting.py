"""Who acts on a page: the person who signed in, or on this machine one whom the operator chooses, and their role."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import markup
from dashboard.errors import DashboardError, SecretMissingError
from dashboard.review_queries import list_people
from dashboard.role_calls import RoleCalls, secret_of
from dashboard.server_names import LOCAL_HOSTS
from dashboard.view import View, show

# A container listens everywhere; the composition says that its port is published on the loopback address only.
PUBLISHED_HERE = "VIGIE_PORTS_ON_LOOPBACK"
REVIEWING = ("reviewer", "second_reviewer")


@dataclass(frozen=True)
class Person:
    """Somebody of the table `people` who acts through the role of their duty."""

    name: str
    duty: str
    role: RoleCalls


@st.cache_resource
def role_of(duty: str) -> RoleCalls:
    """The way in for a duty, shared by all sessions."""
    return RoleCalls(duty)


def signs_people_in() -> bool:
    """Whether `[auth]` of secrets.toml names an identity provider."""
    return bool(st.secrets.load_if_toml_exists()) and "auth" in st.secrets


def is_on_this_machine() -> bool:
    """Whether only people of this machine reach the dashboard: a network's visitor could send any name."""
    listens_here = st.get_option("server.address") in LOCAL_HOSTS or os.environ.get(PUBLISHED_HERE) == "yes"
    return listens_here and str(st.get_option("browser.serverAddress")).lower() in LOCAL_HOSTS


def signed_in_name() -> str:
    """The e-mail address that the identity provider vouches for; empty when nobody is signed in."""
    user: Any = st.user
    if not getattr(user, "is_logged_in", False) or user.get("email_verified") is False:
        return ""
    return str(user.get("email") or "").lower()


def choose_person(view: View, place: DeltaGenerator, duties: tuple[str, ...] = REVIEWING) -> Person | None:
    """Who acts here, said on the page; None, with the reason, when nobody may. The choice is drawn in `place`."""
    people = [row for row in list_people(view.db) if row["duty"] in duties]
    if signs_people_in():
        return _signed_in(view, place, people)
    if not is_on_this_machine():
        return _read_only(view, "person.no_sign_in")
    if not people:
        return _read_only(view, "person.nobody")
    return _chosen(view, place, people)


def _signed_in(view: View, place: DeltaGenerator, people: list[dict[str, Any]]) -> Person | None:
    name = signed_in_name()
    if not name:
        place.button(view.words("person.sign_in"), on_click=st.login, type="primary")
        return _read_only(view, "person.not_signed_in")
    duty = next((row["duty"] for row in people if row["person"] == name), None)
    if duty is None:
        return _read_only(view, "person.not_named", name=name)
    return _through_door(view, name, duty, "person.signed_in")


def _chosen(view: View, place: DeltaGenerator, people: list[dict[str, Any]]) -> Person | None:
    duty_of = {row["person"]: row["duty"] for row in people}
    if st.session_state.get("acting_as") not in duty_of:
        st.session_state["acting_as"] = next(iter(duty_of))
    # Set again on each run: a translated label would otherwise reset it.
    st.session_state["acting_as"] = st.session_state["acting_as"]
    name = place.selectbox(
        view.words("person.choose"), list(duty_of), key="acting_as",
        format_func=lambda person: f"{person} · {view.words('duty.' + duty_of[person])}",
    )  # fmt: skip
    return _through_door(view, name, duty_of[name], "person.local")


def _through_door(view: View, name: str, duty: str, said: str) -> Person | None:
    """The person with the role of their duty; None when this dashboard holds no secret of it."""
    role = role_of(duty)
    try:
        role.require_secret()
    except SecretMissingError:
        return _read_only(view, "person.no_secret", duty=view.words(f"duty.{duty}"), secret=secret_of(duty))
    except DashboardError as error:
        return _read_only(view, f"error.{error.kind}", **error.values)
    show(markup.tag("p", markup.prose(view.words(said, name=name, duty=view.words(f"duty.{duty}"))), css="note"))
    return Person(name, duty, role)


def _read_only(view: View, why: str, **values: str) -> Person | None:
    reason = markup.prose(view.words(why, **values))
    show(markup.tag("p", markup.pill(view.words("person.read_only"), "medium"), " ", reason, role="status"))
    return None
