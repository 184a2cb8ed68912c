"""The planner's settings."""

from dataclasses import dataclass

from vigie.settings import AgentSettings
from vigie.vocabulary import Wording


@dataclass(frozen=True, slots=True)
class PlannerSettings(AgentSettings):
    """What a run is planned with, unless its input says otherwise."""

    runs_bucket: str
    analysis_prompt: str
    action_prompt: str
    batch_size: int
    max_concurrency: int
    high_threshold: float
    medium_threshold: float
    nlp_environments: int
    llm_concurrency: int
    most_lost_analyses: float = 0.05
    contract: str = ""
    wording: str = Wording.COMPOSED

    @property
    def round_size(self) -> int:
        """How many calls the analysing environments make at once: a part of a round takes as long as a whole one."""
        return self.nlp_environments * self.llm_concurrency
