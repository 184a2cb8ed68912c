"""The names of every gap that the reconciliation can find, read from its code: no list to keep beside it."""

import re

from vigie_local.settings import REPOSITORY

# Names in quotes of several words, which is what problems are called, other stores' own words left out.
_NAME = re.compile(
    r"[\"']((?:Batch|Call|Consent|Event|Leaf|Log|Loss|No|Plan|Pseud|Refus|Result|Segm|Step|Store)[a-z]*[A-Z]\w+)[\"']"
)


def gap_names() -> set[str]:
    """Such as `EventNotLogged`."""
    folder = REPOSITORY / "functions" / "audit_agent" / "audit_agent"
    names = {name for path in folder.glob("*.py") for name in _NAME.findall(path.read_text(encoding="utf-8"))}
    assert len(names) > 25
    return names
