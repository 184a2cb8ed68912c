"""Whether a campaign works: treated against held-out customers, or that the numbers cannot tell yet."""

from __future__ import annotations

from dashboard import markup
from dashboard.markup import Html
from dashboard.view import View


def lift_panel(view: View, campaign: str) -> Html:  # noqa: ARG001
    """A place for it until outcomes are recorded."""
    return markup.panel(view.words("lift.title"), markup.prose(view.words("lift.no_outcome")))
