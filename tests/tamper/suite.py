"""Run the mutations and count: found, correctly located, and false alarms on honest logs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from tests.tamper.mutations import MUTATIONS, Tampered
from tests.tamper.sealed_log import SealedLog, Signer, extended, new_log
from vigie.verify import Verdict


@dataclass
class Result:
    """Counts by mutation. `inside`: a finding's range holds the place; `exact`: it names that very index first."""

    done: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    inside: Counter[str] = field(default_factory=Counter)
    exact: Counter[str] = field(default_factory=Counter)
    kinds: dict[str, Counter[str]] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)
    honest: int = 0
    false_alarms: list[str] = field(default_factory=list)


def run_mutations(count: int, seed: int) -> Result:
    """Tamper `count` times, all kinds in turn, each time with a fresh choice among fifty logs."""
    random, signer, result = Random(seed), Signer(), Result()
    logs = [log for log in (new_log(random, signer) for _ in range(50)) if log.sealed >= 2]
    names = list(MUTATIONS)
    for number in range(count):
        name = names[number % len(names)]
        tampered = _tamper(name, random, logs, signer)
        _count(result, name, number, tampered, tampered.log.verify(signer.public))
    return result


def _tamper(name: str, random: Random, logs: list[SealedLog], signer: Signer) -> Tampered:
    while True:
        log = random.choice(logs)
        tampered = MUTATIONS[name](log, random, signer)
        if tampered.log != log:
            return tampered


def _count(result: Result, name: str, number: int, tampered: Tampered, verdict: Verdict) -> None:
    result.done[name] += 1
    result.kinds.setdefault(name, Counter()).update({finding.kind for finding in verdict.findings})
    if verdict.valid:
        result.missed.append(f"{name}, mutation {number}")
        return
    result.found[name] += 1
    at, places = tampered.at, [(f.first, f.last) for f in verdict.findings if f.first is not None]
    if at is None:
        return
    result.inside[name] += any(first <= at <= (last or 0) for first, last in places)
    result.exact[name] += any(first == at for first, _ in places)


def run_honest(count: int, seed: int) -> Result:
    """Verify `count` untouched logs, half of them after they have grown further."""
    random, signer, result = Random(seed), Signer(), Result()
    for number in range(count):
        log = new_log(random, signer)
        verdict = (extended(log, random, signer) if number % 2 else log).verify(signer.public)
        result.honest += 1
        if not verdict.valid:
            result.false_alarms.append(f"log {number}: {verdict.findings[0]}")
    return result
