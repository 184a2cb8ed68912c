"""Every task of the run can be late, silent or failing, and the run still ends."""

import re
from collections.abc import Iterator

import pytest

import vigie.errors
from tests.unit.infrastructure.conftest import STATE_MACHINE, Json
from vigie.errors import BusinessError, InvalidInputError

OURS = {name for name in dir(vigie.errors) if name.endswith("Error")} | {"DeadLettered"}


def tasks(states: Json) -> Iterator[tuple[str, Json]]:
    for name, state in states.items():
        if state["Type"] == "Task":
            yield name, state
        if "ItemProcessor" in state:
            yield from tasks(state["ItemProcessor"]["States"])


@pytest.fixture(scope="module")
def all_tasks(definition: Json) -> dict[str, Json]:
    return dict(tasks(definition["States"]))


@pytest.fixture(scope="module")
def awaited(all_tasks: dict[str, Json]) -> dict[str, Json]:
    """The tasks that the run depends on: all but those it only sets off."""
    return {name: task for name, task in all_tasks.items() if task["Parameters"].get("InvocationType") != "Event"}


def test_the_run_has_its_states(all_tasks: dict[str, Json]) -> None:
    assert set(all_tasks) >= {"Plan", "Analyse", "Predict", "Decide", "CloseAudit", "Finish"}


def test_every_task_ends_in_time_and_notices_silence(all_tasks: dict[str, Json]) -> None:
    for name, task in all_tasks.items():
        assert 0 < task["HeartbeatSeconds"] < task["TimeoutSeconds"], name


def test_every_task_is_tried_again_with_jitter_and_a_limit(all_tasks: dict[str, Json]) -> None:
    for name, task in all_tasks.items():
        general = task["Retry"][-1]
        assert general["ErrorEquals"] == ["States.ALL"], name
        assert general["JitterStrategy"] == "FULL"
        assert 1 <= general["MaxAttempts"] <= 6
        assert general["BackoffRate"] > 1
        assert general["MaxDelaySeconds"] <= 60


def test_what_is_final_is_not_tried_again(awaited: dict[str, Json]) -> None:
    for name, task in awaited.items():
        [final, _] = task["Retry"]
        assert final["MaxAttempts"] == 0, name
        assert InvalidInputError.__name__ in final["ErrorEquals"]
        for error in final["ErrorEquals"]:
            assert error in OURS
            assert issubclass(getattr(vigie.errors, error), (BusinessError, vigie.errors.SettingsError))


def test_a_dead_letter_fails_its_task_for_good(awaited: dict[str, Json]) -> None:
    for name, task in awaited.items():
        waits_for_a_message = task["Resource"].endswith("sqs:sendMessage.waitForTaskToken")
        assert ("DeadLettered" in task["Retry"][0]["ErrorEquals"]) == waits_for_a_message, name


def test_every_task_s_failure_is_caught(all_tasks: dict[str, Json]) -> None:
    for name, task in all_tasks.items():
        assert task["Catch"][-1]["ErrorEquals"] == ["States.ALL"], name


def test_what_is_only_set_off_cannot_stop_the_run(all_tasks: dict[str, Json], awaited: dict[str, Json]) -> None:
    for name in all_tasks.keys() - awaited.keys():
        task = all_tasks[name]
        assert {catch["Next"] for catch in task["Catch"]} == {task["Next"]}, name


def test_a_batch_without_analysis_continues_and_one_without_prediction_fails_alone(definition: Json) -> None:
    batches = definition["States"]["Batches"]
    inner = batches["ItemProcessor"]["States"]
    assert inner["Analyse"]["Catch"][-1]["Next"] == "Predict"
    assert inner["Predict"]["Catch"][-1]["Next"] == "BatchFailed"
    assert batches["ToleratedFailureCount"] >= 1_000_000
    assert batches["Catch"][-1]["Next"] == "CloseAudit"


def test_a_batch_that_may_not_be_sent_fails_alone_and_is_not_predicted_without_analysis(definition: Json) -> None:
    inner = definition["States"]["Batches"]["ItemProcessor"]["States"]
    for name in ("Analyse", "Decide"):
        assert "RecipientChangedError" in inner[name]["Retry"][0]["ErrorEquals"]
        caught = [
            one for one in inner[name]["Catch"] if {"RecipientChangedError", "States.ALL"} & {*one["ErrorEquals"]}
        ]
        assert caught[0]["Next"] == "BatchFailed"


def test_the_planner_is_given_what_the_agent_says_and_the_input_as_it_was_given(definition: Json) -> None:
    payload = definition["States"]["Plan"]["Parameters"]["Payload"]
    assert (payload["endpoint.$"], payload["input.$"]) == ("$.endpoint", "$$.Execution.Input")
    assert definition["States"]["DescribeProvider"]["Next"] == "Plan"


def test_what_a_deadline_left_is_sent_again(definition: Json) -> None:
    inner = definition["States"]["Batches"]["ItemProcessor"]["States"]
    for choice, again in (("AllAnalysed", "Analyse"), ("AllDecided", "Decide")):
        [rule] = inner[choice]["Choices"]
        assert rule["NumericGreaterThan"] == 0
        assert rule["Variable"].endswith(".remaining")
        assert rule["Next"] == again


LOOPS = {
    "Analyse": ("AnalysisStalled", "CountStalledAnalysis", "WaitToAnalyse", "AnalysisGoesOn", "AllAnalysed"),
    "Decide": ("DecisionStalled", "CountStalledDecision", "WaitToDecide", "DecisionGoesOn", "AllDecided"),
}
LONGEST_WAIT_SECONDS = 180


@pytest.fixture(scope="module")
def inner(definition: Json) -> Json:
    states: Json = definition["States"]["Batches"]["ItemProcessor"]["States"]
    return states


@pytest.mark.parametrize("task", LOOPS)
def test_a_round_in_which_no_customer_ended_is_repeated_after_a_wait_and_only_so_often(
    inner: Json, template: Json, task: str
) -> None:
    stalled, count, wait, goes_on, all_done = LOOPS[task]
    assert inner[task]["Next"] == stalled
    given_up, again = inner[stalled]["Choices"]
    [is_stalled, is_over] = given_up["And"]
    assert is_stalled == {"Variable": f"$.{task.lower()}.stalled", "IsPresent": True}
    assert again == is_stalled | {"Next": count}
    chosen = "States.ArrayGetItem(States.Array(${StalledRoundWaits}), $.stall.rounds)"
    assert inner[count]["Parameters"]["seconds.$"] == chosen
    parameter = template["Parameters"]["StalledRoundWaits"]
    waits = [int(seconds) for seconds in parameter["Default"].split(",")]
    assert is_over["NumericGreaterThanEquals"] == len(waits)
    # A deployment may choose other waits, but not fewer than there are rounds.
    for number in (len(waits) - 1, len(waits), len(waits) + 1):
        fits = re.fullmatch(parameter["AllowedPattern"], ",".join(["1"] * number))
        assert bool(fits) == (number == len(waits))
    assert sum(waits) <= LONGEST_WAIT_SECONDS
    assert inner[count]["Next"] == wait
    assert inner[wait] == {"Type": "Wait", "SecondsPath": "$.stall.seconds", "Next": task}
    # Progress starts the count anew: a slow run is not ended while it goes on.
    assert inner[stalled]["Default"] == goes_on
    assert (inner[goes_on]["Result"], inner[goes_on]["ResultPath"]) == ({"rounds": 0}, "$.stall")
    assert inner[goes_on]["Next"] == all_done


def test_every_way_back_to_a_task_is_counted_or_made_progress(inner: Json) -> None:
    """No edge leads back to a task but the counted wait and the choice that follows progress."""
    backward = {
        (name, target) for name, state in inner.items() for target in targets(state) if target in ("Analyse", "Decide")
    }
    assert backward == {
        ("WaitToAnalyse", "Analyse"), ("AllAnalysed", "Analyse"), ("Predict", "Decide"), ("WaitToDecide", "Decide"),
        ("AllDecided", "Decide"),
    }  # fmt: skip


def targets(state: Json) -> set[str]:
    named = [state, *state.get("Choices", []), *state.get("Catch", [])]
    return {each["Next"] for each in named if "Next" in each} | {state.get("Default", "")}


def test_after_the_last_wait_each_loop_ends_by_name(inner: Json, definition: Json) -> None:
    given_up = inner["AnalysisGivenUp"]
    assert (given_up["Result"]["Error"], given_up["ResultPath"]) == ("ProviderStalled", "$.analyse_error")
    assert given_up["Next"] == "Predict"
    assert inner["DecisionStalled"]["Choices"][0]["Next"] == "DecideWithoutModel"
    assert inner["DecideWithoutModel"]["Parameters"]["MessageAttributes"] == {
        "without_model": {"DataType": "String", "StringValue": "true"}
    }
    stalled, more = inner["AllDecidedWithoutModel"]["Choices"]
    assert (stalled["Next"], more["Next"]) == ("DecisionGivenUp", "DecideWithoutModel")
    assert inner["DecisionGivenUp"] == inner["DecisionGivenUp"] | {"Type": "Fail", "Error": "ProviderStalled"}
    assert definition["States"]["Batches"]["ItemSelector"]["stall"] == {"rounds": 0}


def test_batches_run_distributed_and_as_many_at_once_as_planned(definition: Json) -> None:
    batches = definition["States"]["Batches"]
    assert batches["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
    assert batches["MaxConcurrencyPath"] == "$.plan.max_concurrency"


def test_agents_are_asked_through_queues_and_answer_tokens(awaited: dict[str, Json]) -> None:
    for name, task in awaited.items():
        if name in ("DescribeProvider", "Plan", "Finish"):
            continue
        assert task["Resource"] == "arn:aws:states:::sqs:sendMessage.waitForTaskToken", name
        body = task["Parameters"]["MessageBody"]
        assert body["task_token.$"] == "$$.Task.Token"
        assert set(body) <= {"run_id.$", "batch_no.$", "task_token.$"}


def test_it_stays_on_jsonpath() -> None:
    text = STATE_MACHINE.read_text(encoding="utf-8")
    assert "JSONata" not in text
    assert "{%" not in text


def test_a_failure_to_plan_or_finish_takes_the_place_of_whatever_the_input_was(definition: Json) -> None:
    states = definition["States"]
    for name in ("Plan", "Finish"):
        [catch] = states[name]["Catch"]
        assert (catch["ResultPath"], catch["Next"]) == ("$", "ReadError"), name
    assert states["RunFailed"] == {"Type": "Fail", "ErrorPath": "$.Error", "CausePath": "$.Cause"}
