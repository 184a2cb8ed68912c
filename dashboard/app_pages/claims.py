"""Claims and proofs: each governance sentence with its test's latest result."""

from __future__ import annotations

from dashboard import markup
from dashboard.claims import Claim, ClaimsFileError, load_claims, results_file
from dashboard.view import ROOT, View, current_view, show, show_title

REGISTER = ROOT / "docs" / "governance" / "claims.toml"
TONES = {"passed": "low", "failed": "high", "not_run": ""}


def show_claims(view: View, claims: list[Claim]) -> None:
    """The register as a table."""
    words = view.words
    rows = [
        [
            markup.join((claim.sentence[view.language], markup.tag("div", claim.id, css="note"))),
            claim.articles,
            ", ".join(words(f"adversary.{name}") for name in claim.against),
            markup.pill(words(f"claims.{claim.status}"), TONES[claim.status]),
            markup.join((markup.tag("code", claim.tests), markup.tag("div", claim.evidence, css="note"))),
        ]
        for claim in claims
    ]
    heads = [words(f"claims.{key}") for key in ("claim", "article", "against", "status", "evidence")]
    show(markup.table(words("claims.caption"), heads, rows))


def show_summary(view: View, claims: list[Claim]) -> None:
    """How many are proved, when and for which commit; or how to find out."""
    words = view.words
    tested = [claim for claim in claims if claim.tested_at]
    if not tested:
        show(markup.tag("section", markup.prose(words("empty.claims_not_run")), css="panel"))
        return
    newest = max(tested, key=lambda claim: claim.tested_at.timestamp() if claim.tested_at else 0)
    passed = sum(claim.status == "passed" for claim in claims)
    last_run = words("claims.last", when=view.formats.moment(newest.tested_at), commit=newest.commit or "–")
    show(
        markup.tag(
            "p", markup.pill(words("claims.summary", passed=passed, total=len(claims)), "brand"), " ",
            markup.tag("span", last_run, css="muted"),
        )
    )  # fmt: skip


def main() -> None:
    """Draw the page."""
    view = current_view()
    show_title(view, "claims", view.words("claims.subtitle"))
    try:
        claims = load_claims(REGISTER, results_file(ROOT))
    except ClaimsFileError as error:
        text = view.words("empty.unreadable_file", file=error.file, reason=error.reason)
        show(markup.tag("section", markup.prose(text), css="panel error", role="alert"))
        return
    if not claims:
        show(markup.empty(view.words("empty.no_claims"), markup.prose(view.words("empty.no_claims_do"))))
        return
    show_summary(view, claims)
    show_claims(view, claims)


main()
