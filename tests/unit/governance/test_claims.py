"""The claims register: every sentence has a test that exists, both languages, and no word that promises too much."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path

import pytest

from dashboard.claims import load_claims
from dashboard.wording import LANGUAGES, Wording
from tests.evaluations import claims
from tests.evaluations.claims import (
    ADVERSARIES,
    REGISTER,
    CaseCount,
    Claim,
    RegisterError,
    Result,
    judge,
    load_register,
    merge,
    read_report,
)

ROOT = Path(__file__).parents[3]
CLAIMS = load_register()
FORBIDDEN = re.compile(
    r"\bcomplian|\bcomplies|\bconforme|\bconformité|(?<!pseudo)(?<!pseud)anonym|guarantee|garanti|\b100 ?%", re.I
)
ARTICLE = re.compile(r"GDPR (5|6|7|15|17|22|25|30|32)(\(\d\))?(\([a-f]\))?|AI Act (12|14)")


def faults(claim: Claim) -> list[str]:
    """What is wrong with a claim."""
    found = [f"no sentence in {name}" for name, text in (("en", claim.en), ("fr", claim.fr)) if len(text) < 20]
    found += ["not translated"] if claim.en == claim.fr else []
    found += [f"wording: {word}" for word in FORBIDDEN.findall(f"{claim.en} {claim.fr}")]
    found += [] if claim.tests else ["no test"]
    found += [f"no such test: {test}" for test in claim.tests if not exists(test)]
    found += [] if claim.against else ["against no one"]
    found += [f"unknown adversary: {name}" for name in claim.against if name not in ADVERSARIES]
    found += [] if claim.articles else ["no article"]
    found += [f"unknown article: {article}" for article in claim.articles if not ARTICLE.fullmatch(article)]
    return found


def exists(test: str) -> bool:
    """Whether a node id names a test function of this project."""
    path, _, name = test.partition("::")
    return name.startswith("test_") and name in functions_of(path)


@cache
def functions_of(path: str) -> frozenset[str]:
    if not path.startswith("tests/") or not (ROOT / path).is_file():
        return frozenset()
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("claim", CLAIMS, ids=[claim.id for claim in CLAIMS])
def test_a_claim_is_said_in_both_languages_and_executed_by_a_test(claim: Claim) -> None:
    assert faults(claim) == []


def test_no_claim_stands_twice() -> None:
    ids = [claim.id for claim in CLAIMS]
    assert len(ids) == len(set(ids))
    assert len({claim.en for claim in CLAIMS}) == len({claim.fr for claim in CLAIMS}) == len(CLAIMS)


def test_every_article_that_was_promised_is_served() -> None:
    served = {article.split("(")[0] for claim in CLAIMS for article in claim.articles}
    assert served == {f"GDPR {n}" for n in (5, 6, 7, 15, 17, 22, 25, 30, 32)} | {"AI Act 12", "AI Act 14"}


GOOD = Claim("a", "A sentence long enough.", "Une phrase assez longue.", ("GDPR 5",), ("fault",), (CLAIMS[0].tests[0],))


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"tests": ()}, "no test"),
        ({"tests": ("tests/unit/governance/test_claims.py::test_that_never_was",)}, "no such test"),
        ({"tests": ("tests/unit/nowhere.py::test_a",)}, "no such test"),
        ({"fr": ""}, "no sentence in fr"),
        ({"fr": GOOD.en}, "not translated"),
        ({"en": "Fully compliant with the GDPR, it says."}, "wording"),
        ({"fr": "Les données sont anonymes, assure-t-on."}, "wording"),
        ({"articles": ("GDPR 99",)}, "unknown article"),
        ({"articles": ()}, "no article"),
        ({"against": ()}, "against no one"),
        ({"against": ("everyone",)}, "unknown adversary"),
    ],
)
def test_a_claim_that_will_not_do_is_found(changed: dict[str, object], fault: str) -> None:
    bad = Claim(**{**GOOD.__dict__, **changed})
    assert faults(GOOD) == []
    assert [said for said in faults(bad) if said.startswith(fault)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_dashboard_has_words_for_every_adversary_and_the_register_names_each(language: str) -> None:
    words = Wording(language)
    assert len({words(f"adversary.{name}") for name in ADVERSARIES}) == len(ADVERSARIES)
    assert {name for claim in CLAIMS for name in claim.against} == set(ADVERSARIES)


def test_a_claim_passes_when_all_its_tests_ran_and_none_failed() -> None:
    counts = {"a": CaseCount(passed=2, seconds=1.5), "b": CaseCount(passed=1, skipped=1), "c": CaseCount(failed=1)}
    assert judge(("a", "b"), counts, "now", "abc") == ("passed", "now", "abc", "3 passed, 0 failed, 1 skipped in 1.5 s")
    assert judge(("a", "c"), counts, "now", "abc")[0] == "failed"
    assert judge(("a", "never ran"), counts, "now", "abc")[0] == "not_run"


def test_pytests_report_is_counted_by_test_function(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        '<testsuites><testsuite><testcase classname="tests.unit.a.test_b" name="test_c[x]" time="0.5"/>'
        '<testcase classname="tests.unit.a.test_b" name="test_c[y]" time="0.5"><failure/></testcase>'
        '<testcase classname="tests.unit.a.test_b" name="test_d" time="0"><skipped/></testcase>'
        "</testsuite></testsuites>"
    )
    counts = read_report(report)
    assert counts["tests/unit/a/test_b.py::test_c"] == CaseCount(passed=1, failed=1, seconds=1.0)
    assert counts["tests/unit/a/test_b.py::test_d"] == CaseCount(skipped=1)
    assert read_report(tmp_path / "missing.xml") == {}


def test_new_results_replace_old_ones_and_leave_the_others() -> None:
    old = [{"id": "a", "status": "failed"}, {"id": "b", "status": "passed"}]
    merged = merge(old, [Result("a", "passed", "now", "abc", "1 passed")])
    assert {entry["id"]: entry["status"] for entry in merged} == {"a": "passed", "b": "passed"}


def test_the_dashboard_reads_what_the_runner_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VIGIE_HOME", str(tmp_path))
    now = "2026-01-02T03:04:05+00:00"
    monkeypatch.setattr(
        claims, "run_claims", lambda wanted: [Result(c.id, "passed", now, "abc1234567", "1 passed") for c in wanted]
    )
    assert claims.main([]) == 0
    shown = load_claims(REGISTER, tmp_path / "claims.json")
    assert [claim.id for claim in shown] == [claim.id for claim in CLAIMS]
    assert all(claim.status == "passed" and claim.tested_at and claim.sentence["fr"] for claim in shown)
    assert json.loads((tmp_path / "claims.json").read_text())[0].keys() == {
        "id",
        "status",
        "date",
        "commit",
        "evidence",
    }
    assert f"{len(CLAIMS)} of {len(CLAIMS)} claims hold" in capsys.readouterr().out


def test_a_register_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "claims.toml").write_text('[[claim]]\nid = "a"\n')
    with pytest.raises(RegisterError, match=r"claims\.toml"):
        load_register(tmp_path / "claims.toml")


def test_the_settings_of_a_running_cloud_do_not_reach_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_HOME", "/somewhere")
    monkeypatch.setenv("GROQ_API_KEY", "key-1")
    assert not {"VIGIE_HOME", "GROQ_API_KEY"} & set(claims.clean_environment())
