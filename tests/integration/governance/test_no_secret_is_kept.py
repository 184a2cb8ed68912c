"""No secret in what is tracked, nor in anything that was ever committed."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.core.scan import scan_line
from detect_secrets.plugins.keyword import DENYLIST_REGEX
from detect_secrets.settings import transient_settings

ROOT = Path(__file__).parents[3]
# Entropy alone is no sign here: hashes, keys of test vectors and ids are everywhere, and are public.
NOT_USED = {"Base64HighEntropyString", "HexHighEntropyString", "IPPublicDetector"}
KINDS: dict[str, Any] = get_mapping_from_secret_type_to_class()
DETECTORS: list[str] = [kind.__name__ for kind in KINDS.values()]
SHAPES = [{"name": name} for name in DETECTORS if name not in NOT_USED]
# Our own provider's keys have no detector of their own.
PROVIDER_KEY = re.compile(r"\bgsk_[A-Za-z0-9]{20,}")
# What the detectors look for: each searches the line for its expressions, and one first needs a keyword.
EXPRESSIONS = [
    *(shape for kind in KINDS.values() if kind.__name__ not in NOT_USED for shape in getattr(kind, "denylist", ())),
    re.compile(DENYLIST_REGEX, re.IGNORECASE),
    PROVIDER_KEY,
]
HEURISTICS = [
    {"path": f"detect_secrets.filters.heuristic.{name}"}
    for name in ("is_indirect_reference", "is_likely_id_string", "is_potential_uuid", "is_templated_secret",
                 "is_sequential_string", "is_prefixed_with_dollar_sign", "is_not_alphanumeric_string")
]  # fmt: skip
BY_CONTEXT = {"Secret Keyword", "Basic Auth Credentials"}
# Words that stand where a secret would: names of secrets, addresses of them, and what tests make up.
MADE_UP = re.compile(
    r"^(?:test|no-?key\w*|none|unused|local-needs-no-key|vigie/[\w/{}.$*-]+|key-\d|(?:right|wrong|another|new|old)[\w-]*"
    r"|hunter2[\w-]*|pa55word|Zebra-4711|s3cr3t-value|s3cret|scram-sha-256|[a-z]+(?:[- ][a-z]+)+|secret[\w:{}/.*$-]*"
    r"|[A-Za-z_]+|p(?:@|%40)ss(?: |%20)word|[\w.]+\(.*| ?[=!]= ?|.*[{}<…].*|\W*)$"
)


def tracked_lines() -> Iterator[str]:
    """Every line of every tracked text file."""
    for name in _git("ls-files", "-z").split("\0"):
        path = ROOT / name
        if name and path.is_file() and path.suffix not in {".png", ".svg", ".lock", ".jpg"}:
            yield from path.read_text(encoding="utf-8", errors="replace").splitlines()


def committed_lines() -> Iterator[str]:
    """Every line that was ever added, in any commit."""
    patches = _git("log", "--all", "-p", "--no-color", "--unified=0", "--", ".", ":!*.lock", ":!*.svg")
    return (line[1:] for line in patches.splitlines() if line.startswith("+") and not line.startswith("+++"))


def findings(lines: Iterable[str]) -> list[str]:
    """Kinds of secrets found, with the start of the line; each distinct line is looked at once."""
    found = []
    with transient_settings({"plugins_used": SHAPES, "filters_used": HEURISTICS}):
        for line in filter(may_hold_a_secret, {line.strip() for line in lines if len(line) < 2000}):
            found += [
                f"{secret.type}: {line[:60]}"
                for secret in scan_line(line)
                if secret.type not in BY_CONTEXT or not MADE_UP.match(secret.secret_value or "")
            ]
            if PROVIDER_KEY.search(line):
                found.append("model provider's key")
    return found


def may_hold_a_secret(line: str) -> bool:
    """Whether a detector's own expression is in the line: the scanner's way to ask takes five times as long."""
    return any(shape.search(line) for shape in EXPRESSIONS)


def _git(*arguments: str) -> str:
    if not (ROOT / ".git").exists():
        pytest.skip("this copy has no git history")
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True)
    return done.stdout.decode("utf-8", "replace")


def test_no_tracked_file_and_no_commit_holds_a_secret() -> None:
    assert findings([*tracked_lines(), *committed_lines()]) == []


@pytest.mark.parametrize(
    "parts",
    [
        ("aws_access_key_id = AKI", "AIOSFODNN7EXAMPLQ"),
        ("key: gh", "p_16C7e42F292c6912E7710c838347Ae178B4a"),
        ("GROQ_API_KEY=gs", "k_4f9aB7cD2eF6gH8iJ0kL3mN5"),
        ('password = "x9', '$Kf72!qLm4-Zp"'),
        ("-----BEGIN EC PRIV", "ATE KEY-----"),
        ("postgresql://owner:9fK3", "vQ7xTz@db/vigie"),
    ],
)
def test_the_scanner_finds_a_secret_when_there_is_one(parts: tuple[str, str]) -> None:
    """Each is put together here, so that this file holds none."""
    assert findings(["".join(parts)]) != []
