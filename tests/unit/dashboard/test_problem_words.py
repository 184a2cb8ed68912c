"""Every gap that the reconciliation can name is said in words, in both languages."""

from __future__ import annotations

import re

from dashboard.wording import load_texts
from vigie_local.settings import REPOSITORY

PROBLEM = re.compile(
    r"[\"']((?:Batch|Call|Consent|Event|Leaf|Log|No|Plan|Pseud|Refus|Result|Segm|Step|Store)[a-z]*[A-Z]\w+)[\"']"
)


def test_no_gap_is_shown_by_its_name_in_the_code() -> None:
    code = "".join(
        path.read_text(encoding="utf-8") for path in (REPOSITORY / "functions" / "audit_agent").rglob("*.py")
    )
    named = set(PROBLEM.findall(code))
    assert len(named) > 25
    words = load_texts()["problem"]
    assert named - set(words) == set()
    for said in words.values():
        assert "" != said["en"] != said["fr"] != ""
