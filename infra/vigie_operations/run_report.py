"""The summary of a finished run, for people and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from vigie.endpoint import Endpoint
from vigie_llm.recipients import LOCAL_MODEL, LOCAL_RULES, is_cleartext

SEGMENTS = ("High", "Medium", "Low")
REASONS = {
    "AnalysisGivenUp": "given up with their batch, which went on",
    "AnswerRejected": "whose answer was refused by the guard or its schema",
    "BatchFailed": "whose batch failed",
    "EgressBlocked": "kept from leaving by the egress guard",
    "ModelRefused": "refused by the model provider",
    "ModelUnavailable": "for want of an answer from the model provider",
    "NoFeatures": "without features",
    "NoPrediction": "without a prediction",
    "ConsentWithdrawn": "whose consent was withdrawn during the run",
}
_STATUS_WORDS = {"succeeded": "succeeded", "partial": "finished in part", "failed": "failed"}


@dataclass(frozen=True)
class Proposals:
    """What a run would have people decide about: its campaign, how many offers, and whom the budget did not reach."""

    campaign: str
    proposed: int
    over_budget: int
    shadow_price: float
    held_out: int

    def line(self) -> str:
        """Return it as a line of the summary."""
        price = f", one more euro would bring {self.shadow_price:.2f} €" if self.shadow_price else ""
        return (
            f"  proposals          {self.proposed:>6}   into campaign {self.campaign}: {self.held_out} held out, "
            f"{self.over_budget} over budget{price}"
        )


@dataclass(frozen=True)
class RunReport:
    """The facts of a finished run: its output, and counts read from the database."""

    run_id: str
    status: str
    seconds: float
    customers: Mapping[str, int]
    segments: Mapping[str, int] = field(default_factory=dict)
    action_sources: Mapping[str, int] = field(default_factory=dict)
    audit_events: int = 0
    left_out: int | None = None
    audit: Mapping[str, Any] = field(default_factory=dict)
    # Of each segment, those that were found without the customer's analysis, which was lost.
    without_lost: Mapping[str, int] = field(default_factory=dict)
    # Why actions are in the catalogue's own words.
    catalogue_reasons: Mapping[str, int] = field(default_factory=dict)
    # Per step, why customers ended it without a result.
    reasons: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    proposals: Proposals | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON can hold it."""
        return asdict(self)

    def lines(self, redrive: str = "") -> list[str]:
        """Return the summary, one fact per line; `redrive` is the command that makes anew what was lost."""
        count = self.customers.get
        rate = count("planned", 0) / self.seconds if self.seconds else 0.0
        return [
            f"Run {self.run_id} {_STATUS_WORDS.get(self.status, self.status)} in {self.seconds:.1f} s "
            f"({rate:.0f} customers a second)",
            f"  planned            {count('planned', 0):>6}",
            f"  left out           {self.left_out or 0:>6}   no consent to profiling: not in the run",
            f"  analysed           {count('analysed', 0):>6}   feedback read by the language model, pseudonymised",
            f"  without consent    {count('without_consent', 0):>6}   feedback not read: no consent to its analysis",
            f"  without feedback   {count('without_feedback', 0):>6}",
            self._failed("analysis lost", "analysis_failed", "analyse"),
            f"  predicted          {count('predicted', 0):>6}   {self._segments(self.segments)}",
            *self._without_lost_analysis(),
            self._failed("not predicted", "prediction_failed", "predict", "prediction_withdrawn"),
            f"  actions            {count('actions', 0):>6}   {self._sources()}",
            self._failed("no action", "action_failed", "decide", "action_withdrawn"),
            *([self.proposals.line()] if self.proposals else []),
            f"  failed             {count('failed', 0):>6}",
            f"  audit events       {self.audit_events:>6}   {self._audit()}",
            *self.notes,
            *self._why_nobody(),
            *self._what_was_lost(redrive or f"make redrive RUN={self.run_id}"),
        ]

    def _failed(self, label: str, name: str, step: str, withdrawn: str = "") -> str:
        """Return the line of those who ended a step without a result, want of consent and of feedback aside."""
        number = self.customers.get(name, 0) + self.customers.get(withdrawn, 0)
        reasons = {
            reason: customers
            for reason, customers in self.reasons.get(step, {}).items()
            if reason not in ("NoConsent", "NoFeedback") and not (reason == "ConsentWithdrawn" and not withdrawn)
        }
        return f"  {label:<18} {number:>6}   {_counts_by_reason(reasons)}".rstrip()

    def _without_lost_analysis(self) -> list[str]:
        number = self.customers.get("without_lost_analysis", 0)
        if not number:
            return []
        found = f": {self._segments(self.without_lost)}" if self.without_lost else ""
        return [f"  of these           {number:>6}   made without an analysis that was lost{found}"]

    def _what_was_lost(self, redrive: str) -> list[str]:
        blocked = self.reasons.get("analyse", {}).get("EgressBlocked", 0)
        lost = self.customers.get("analysis_failed", 0) - blocked
        if not lost and not self.customers.get("failed", 0):
            return []
        return ["", f"When the cause is mended, {redrive} makes anew what was lost or failed."]

    def _why_nobody(self) -> list[str]:
        if self.customers.get("planned", 0):
            return []
        if self.left_out:
            return [
                "",
                "No customer was planned: none has consented to profiling. Load consents.csv, or declare",
                "[consents] in the contract and load again (docs/own-data.md).",
            ]
        return ["", "No customer was planned: none is loaded under the approved model's contract (make load)."]

    def _segments(self, segments: Mapping[str, int]) -> str:
        return ", ".join(f"{name} risk {segments.get(name, 0)}" for name in SEGMENTS)

    def _sources(self) -> str:
        words = {"model": "chosen by the model", "catalogue": "from the catalogue", "none": "no offer allowed"}
        if self.catalogue_reasons:
            words["catalogue"] += f" ({_counts_by_reason(self.catalogue_reasons)})"
        found = [f"{self.action_sources[key]} {word}" for key, word in words.items() if self.action_sources.get(key)]
        return ", ".join(found)

    def _audit(self) -> str:
        parts = []
        if self.audit.get("tree_size") is not None:
            parts.append(f"sealed up to {self.audit['tree_size']}")
        if self.audit.get("gaps") is not None:
            parts.append(f"gaps {self.audit['gaps']}")
        return ", ".join(parts)


def _counts_by_reason(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{customers} {REASONS.get(reason, reason)}" for reason, customers in reasons.items())


def endpoint_line(endpoint: Endpoint) -> str:
    """Return who answers the agents' questions, and whether anything leaves this machine."""
    if endpoint.recipient == LOCAL_RULES:
        return f"Language model: {endpoint.model}, rules on this machine (nothing leaves it)"
    place = "on this machine, at " if endpoint.recipient == LOCAL_MODEL else "at "
    way = ", NOT ENCRYPTED ON THE WAY" if is_cleartext(endpoint.address) else ""
    return f"Language model: {endpoint.model} {place}{endpoint.address} (pseudonymised feedback is sent there{way})"
