"""Settings come from the environment, typed; everything that is wrong is said at once."""

from dataclasses import dataclass

import pytest

from planner.settings import PlannerSettings
from vigie.errors import SettingsError
from vigie.settings import AgentSettings, Settings
from vigie_llm.provider import LlmSettings

PLANNER = {
    "DATABASE_SECRET": "vigie/database/planner",
    "RUNS_BUCKET": "runs",
    "ANALYSIS_PROMPT": "analysis-2",
    "ACTION_PROMPT": "action-3",
    "BATCH_SIZE": "100",
    "MAX_CONCURRENCY": "6",
    "HIGH_THRESHOLD": "0.70",
    "MEDIUM_THRESHOLD": "0.35",
    "NLP_ENVIRONMENTS": "2",
    "LLM_CONCURRENCY": "16",
}


@dataclass(frozen=True, slots=True)
class Example(Settings):
    name: str
    count: int
    share: float
    optional: str = "default"


def test_fields_are_read_from_their_variables_and_converted() -> None:
    read = Example.from_environment({"NAME": "a", "COUNT": "3", "SHARE": "0.5"})
    assert read == Example("a", 3, 0.5, "default")


def test_every_missing_variable_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Example.from_environment({"NAME": ""})
    for variable in ("NAME", "COUNT", "SHARE"):
        assert f"{variable} is missing" in str(caught.value)
    assert "OPTIONAL" not in str(caught.value)
    assert "template.yaml" in str(caught.value)


def test_a_value_of_the_wrong_type_is_named_with_what_is_missing() -> None:
    with pytest.raises(SettingsError) as caught:
        Example.from_environment({"COUNT": "many", "SHARE": "x"})
    assert str(caught.value) == (
        "NAME is missing; COUNT='many' is not of type int; SHARE='x' is not of type float. Set them in template.yaml."
    )


def test_the_functions_own_settings_are_read() -> None:
    assert PlannerSettings.from_environment(PLANNER).high_threshold == 0.70
    assert AgentSettings.from_environment(PLANNER).database_secret == "vigie/database/planner"
    llm = LlmSettings.from_environment({"DATABASE_SECRET": "d", "LLM_SECRET": "l", "LLM_CONCURRENCY": "32"})
    assert llm.llm_concurrency == 32
    assert (llm.llm_proxy, llm.llm_no_proxy, llm.llm_ca_bundle) == ("", "", "")


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_SECRET", "from-the-process")
    assert AgentSettings.from_environment().database_secret == "from-the-process"
