"""The tamper suite, short; the long run is `python -m tests.tamper`."""

from __future__ import annotations

from tests.tamper.mutations import MUTATIONS
from tests.tamper.suite import run_honest, run_mutations

ROUNDS = 25


def test_every_tampering_is_found_and_its_place_reported() -> None:
    result = run_mutations(ROUNDS * len(MUTATIONS), seed=20261123)
    assert result.missed == []
    assert dict(result.found) == dict.fromkeys(MUTATIONS, ROUNDS)
    in_checkpoints = {"replace_a_checkpoint", "re_sign_with_another_key", "duplicate"}
    assert {name: result.inside[name] for name in MUTATIONS if name not in in_checkpoints} == dict.fromkeys(
        MUTATIONS.keys() - in_checkpoints, ROUNDS
    )


def test_an_honest_log_raises_no_alarm() -> None:
    result = run_honest(60, seed=20261123)
    assert result.honest == 60
    assert result.false_alarms == []
