"""Review: proposals are decided by named people, one case at a time by keyboard, or a selection in bulk."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import markup, review_queries
from dashboard.accounting import feature_labels
from dashboard.acting import Person, choose_person
from dashboard.campaign_queries import contract_in_force
from dashboard.errors import DashboardError
from dashboard.review_bulk import show_bulk
from dashboard.review_case import show_case
from dashboard.review_dialogs import show_edit, show_reject
from dashboard.review_session import CLAIM, Notice, Sitting, staleness
from dashboard.view import View, choose, current_view, read_cached, show, show_title

# How often an open page looks whether its case is still what is stored.
LOOK_EVERY_S = 15
TABS = ("tab_one", "tab_bulk")
Row = dict[str, Any]


def choose_campaign(view: View) -> Row | None:
    """The open campaign to review for; None, saying what to do, when none is open."""
    campaigns = {row["campaign_id"]: row for row in review_queries.list_open_campaigns(view.db)}
    if not campaigns:
        show(markup.empty(view.words("empty.no_campaign"), markup.prose(view.words("empty.no_campaign_do"))))
        return None
    return campaigns[
        choose(view, "campaign", view.words("campaigns.campaign"), list(campaigns),
               lambda c: str(campaigns[c]["name"]), optional=False)
    ]  # fmt: skip


def sitting_of(view: View, person: Person, campaign: str) -> Sitting:
    """This session's sitting; another person or campaign begins another."""
    held: Sitting | None = st.session_state.get("sitting")
    if held is None or (held.person.name, held.person.duty, held.campaign) != (person.name, person.duty, campaign):
        held = Sitting(person, view.db, campaign, review_queries.now_of(view.db))
        st.session_state["sitting"] = held
    return held


def pace_of(sitting: Sitting) -> Row:
    """Whether this person is to slow down, why, and how many cases they may claim at once."""
    rows = sitting.person.role.call("SELECT * FROM review_pace(%(who)s)", {"who": sitting.person.name})
    return rows[0] if rows else {"slow": False, "reason": "", "most": CLAIM}


def show_progress(view: View, sitting: Sitting, queue: Row) -> None:
    """Decided and left in this sitting."""
    words, formats = view.words, view.formats
    decided = review_queries.count_decided(view.db, sitting.person.name, sitting.started)
    hours = (review_queries.now_of(view.db) - sitting.started).total_seconds() / 3600
    pace = words("review.per_hour", n=formats.number(decided / hours)) if decided >= 5 and hours > 0 else ""
    free = queue["waiting"] - queue["mine"] - queue["others"]
    show(
        markup.cards(
            [
                (words("review.decided"), formats.number(decided), pace, ""),
                (words("review.mine"), formats.number(queue["mine"]), "", ""),
                (words("review.free"), formats.number(free), words("review.of_waiting", n=queue["waiting"]), ""),
                (words("review.second_waiting"), formats.number(queue["second"]), "", ""),
            ]
        )
    )


def show_notice(view: View, notice: Notice | None) -> None:
    """What happened with the last click, once; with the database's own words where it refused."""
    if notice is None:
        return
    said = markup.tag("p", view.words("review.database_said"), " ", markup.tag("span", notice.said, lang="en"),
                      css="note") if notice.said else ""  # fmt: skip
    what = markup.tag("p", markup.prose(view.words(notice.key, **notice.values)))
    show(markup.tag("section", what, said, css=f"panel said {notice.tone}", role="status"))


def show_nothing(view: View, queue: Row) -> None:
    """No case is open: because the sitting begins, all is decided, or others hold what is left."""
    words = view.words
    if queue["mine"] or queue["waiting"] > queue["others"] + queue["approved_by_me"]:
        show(markup.empty(words("review.begin"), markup.prose(words("review.begin_do"))))
    elif queue["others"]:
        when = view.formats.moment(queue["next_free"])
        show(markup.empty(words("review.all_claimed"), words("review.all_claimed_do", when=when)))
    elif queue["approved_by_me"]:
        show(markup.empty(words("review.only_mine"), words("review.only_mine_do")))
    else:
        show(markup.empty(words("review.nothing"), markup.prose(words("review.nothing_do"))))


def show_buttons(view: View, sitting: Sitting) -> None:
    """The five keys. A button belongs to one version of one case: a late key decides nothing on the next."""
    words, state = view.words, sitting.state
    places = st.columns(5)
    busy = bool(sitting.dialog)
    if state is not None:
        mark = f"{state['proposal_id']}-{state['version']}"
        second = state["state"] == "awaiting_second"
        decision, key = ("second_approve", "S") if second else ("approve", "A")
        places[0].button(
            words(f"review.{decision}"), key=f"approve-{mark}", shortcut=key, type="primary", disabled=busy,
            on_click=press, args=(sitting, lambda: sitting.decide(decision, "fits")), width="stretch",
        )  # fmt: skip
        places[1].button(words("review.reject"), key=f"reject-{mark}", shortcut="X", disabled=busy,
                         on_click=open_dialog, args=(sitting, "reject"), width="stretch")  # fmt: skip
        places[2].button(words("review.edit"), key=f"edit-{mark}", shortcut="E", disabled=busy,
                         on_click=open_dialog, args=(sitting, "edit"), width="stretch")  # fmt: skip
    places[3].button(words("review.undo"), key=f"undo-{len(sitting.decided)}", shortcut="U",
                     disabled=busy or not sitting.decided, on_click=press, args=(sitting, sitting.undo),
                     width="stretch")  # fmt: skip
    places[4].button(words("review.next"), key=f"next-{state['proposal_id'] if state else ''}", shortcut="N",
                     disabled=busy, on_click=press, args=(sitting, sitting.advance), width="stretch",
                     type="secondary" if state else "primary")  # fmt: skip


def press(sitting: Sitting, act: Any) -> None:
    """Do what a key says; what keeps the dashboard from asking at all is shown by the page's frame."""
    try:
        sitting.attempt(act)
    except DashboardError as error:
        st.session_state["review_failure"] = error


def open_dialog(sitting: Sitting, name: str) -> None:
    """Draw this dialog until it is answered or closed."""
    if not sitting.is_too_quick():
        sitting.dialog, sitting.notice = name, None


@st.fragment(run_every=LOOK_EVERY_S)
def watch(sitting: Sitting) -> None:
    """Look now and then whether the case is still this person's and still these bytes."""
    try:
        why = staleness(sitting)
    except DashboardError:
        return
    if why:
        sitting.reload(Notice(why))
        st.rerun()


def show_one(view: View, sitting: Sitting, campaign: Row) -> None:
    """One case at a time."""
    queue = review_queries.count_queue(view.db, sitting.campaign, sitting.person.name)
    pace = pace_of(sitting)
    show_progress(view, sitting, queue)
    if pace["slow"]:
        show(markup.tag("section", markup.tag("h2", view.words("review.slow")),
                        markup.tag("p", view.words("review.slow_note", most=pace["most"])),
                        css="panel said medium", role="status"))  # fmt: skip
    show_notice(view, sitting.notice)
    show_buttons(view, sitting)
    if sitting.case is None or sitting.state is None:
        show_nothing(view, queue)
        return
    titles = read_cached(view, review_queries.list_titles)
    labels = feature_labels(read_cached(view, contract_in_force, campaign["contract"]), view.language)
    show_case(view, sitting.case, sitting.state, titles, labels, pace["slow"])
    until = view.formats.moment(sitting.state["claim_expires_at"], seconds=True)
    said, back = st.columns([4, 1], vertical_alignment="center")
    with said:
        show(markup.tag("p", view.words("review.claimed_until", when=until), css="note"))
    back.button(view.words("review.release"), key="release", disabled=bool(sitting.dialog), type="tertiary",
                on_click=press, args=(sitting, sitting.release))  # fmt: skip
    watch(sitting)
    if sitting.dialog == "reject":
        show_reject(view, sitting, press)
    elif sitting.dialog == "edit":
        show_edit(view, sitting, campaign, titles, press)
    sitting.drawn()


def show_read_only(view: View, campaign: Row) -> None:
    """The queue as whoever may not decide sees it."""
    words, formats = view.words, view.formats
    rows = review_queries.list_waiting(view.db, campaign["campaign_id"])
    if not rows:
        show(markup.empty(words("review.nothing"), markup.prose(words("review.nothing_do"))))
        return
    cells = [
        [row[f"title_{view.language}"], words.name_of("channel", row["channel"]),
         formats.price(float(row["price_eur"])), formats.euros(row["expected_value_eur"]),
         words(f"proposal_state.{row['state']}"), formats.day(row["expires_at"])]
        for row in rows
    ]  # fmt: skip
    heads = [words(f"review.{key}") for key in ("offer", "channel", "price", "expected_value", "state", "expires")]
    show(markup.table(words("review.caption"), heads, cells, right=[2, 3]))


def main() -> None:
    """Draw the page."""
    view = current_view()
    heading, who, which = st.columns([3, 2, 2], vertical_alignment="bottom")
    with heading:
        show_title(view, "review", view.words("review.subtitle"))
    with which:
        campaign = choose_campaign(view)
    person = choose_person(view, who)
    if campaign is None:
        return
    if person is None:
        show_read_only(view, campaign)
        return
    sitting = sitting_of(view, person, campaign["campaign_id"])
    if failure := st.session_state.pop("review_failure", None):
        raise failure
    tab = st.segmented_control(
        view.words("review.way"), TABS, default="tab_one", required=True, key="review_way",
        label_visibility="collapsed", format_func=lambda t: view.words(f"review.{t}"),
    )  # fmt: skip
    if tab == "tab_bulk":
        show_bulk(view, sitting, press)
    else:
        show_one(view, sitting, campaign)


main()
