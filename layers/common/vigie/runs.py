"""A run as the agents see it: what was frozen when it was planned."""

from dataclasses import dataclass
from typing import Any

from vigie.database import Transaction
from vigie.decision import DecisionRule, read_decision
from vigie.endpoint import Endpoint
from vigie.errors import UnknownRunError
from vigie.vocabulary import Wording

# What an execution's input may hold on AWS, as UTF-8. LocalStack takes more.
MOST_INPUT_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Run:
    """What a run was planned with, and does not change any more."""

    run_id: str
    contract: str
    model_version: str
    scorer_sha256: str
    prompt_versions: dict[str, str]
    decision: DecisionRule
    # Missing in a run that was planned by an earlier version.
    endpoint: Endpoint | None = None
    wording: Wording = Wording.COMPOSED
    # The campaign that the run proposes into.
    campaign_id: str | None = None


def load_run(transaction: Transaction, run_id: str) -> Run:
    """Read a run.

    Raises:
        UnknownRunError: no such run was planned.
    """
    rows: list[Any] = transaction.fetch(
        "SELECT run_id, contract, model_version, scorer_sha256, prompt_versions, thresholds, decision,"
        " wording, campaign_id, llm_recipient, llm_address, llm_model"
        " FROM runs WHERE run_id = %s",
        (run_id,),
    )
    if not rows:
        raise UnknownRunError(f"run {run_id} was never planned: start one with make run")
    found, contract, version, sha256, prompts, thresholds, rule, wording, campaign, *planned = rows[0]
    decision = read_decision(rule, thresholds["high"], thresholds["medium"])
    endpoint = Endpoint(*planned) if all(planned) else None
    return Run(found, contract, version, sha256, prompts, decision, endpoint, Wording(wording), campaign)
