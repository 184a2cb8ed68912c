"""What the template promises, checked in the template: dead letters, alarms, retention, least privilege."""

import json
import re
from typing import Any

import pytest

from tests.unit.infrastructure.conftest import ROOT, Json, of_type

FUNCTION = "AWS::Serverless::Function"
QUEUE = "AWS::SQS::Queue"
CALLS_THE_MODEL = {"NlpAgent", "ActionAgent"}
# Step Functions delivers logs through these; AWS allows no narrower resource for them.
ONLY_ON_EVERYTHING = {
    "logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups",
}  # fmt: skip


def work_queues(resources: Json) -> Json:
    """The queues that functions work on: those that are not dead-letter queues."""
    queues = of_type(resources, QUEUE)
    return {name: queue for name, queue in queues.items() if not queue["QueueName"].endswith("-dlq")}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(resources: Json) -> list[tuple[str, Json]]:
    return [
        (name, statement)
        for name, role in of_type(resources, "AWS::IAM::Role").items()
        for policy in role.get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def test_the_names_that_outsiders_rely_on_are_there(resources: Json) -> None:
    functions = {function["FunctionName"] for function in of_type(resources, FUNCTION).values()}
    agents = ("planner", "nlp-agent", "prediction-agent", "action-agent", "audit-agent", "dead-letters")
    assert functions >= {f"vigie-{name}" for name in agents}
    queues = {queue["QueueName"] for queue in of_type(resources, QUEUE).values()}
    for name in ("nlp", "prediction", "action", "audit"):
        assert {f"vigie-{name}", f"vigie-{name}-dlq"} <= queues


def test_every_queue_has_a_dead_letter_queue_that_keeps_messages_longest(resources: Json) -> None:
    queues = of_type(resources, QUEUE)
    for name, queue in work_queues(resources).items():
        dead = queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"].removesuffix(".Arn")
        assert queues[dead]["QueueName"] == f"{queue['QueueName']}-dlq", name
        assert queue["RedrivePolicy"]["maxReceiveCount"] >= 2
        assert queues[dead]["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_every_dead_letter_queue_has_an_alarm_on_its_first_message(resources: Json) -> None:
    alarms = of_type(resources, "AWS::CloudWatch::Alarm").values()
    watched = {
        dimension["Value"]["Fn::GetAtt"].removesuffix(".QueueName")
        for alarm in alarms
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
        and (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
        for dimension in alarm["Dimensions"]
    }
    dead = {name for name, queue in of_type(resources, QUEUE).items() if queue["QueueName"].endswith("-dlq")}
    assert watched == dead


def test_a_message_stays_hidden_for_six_times_its_function_s_timeout(template: Json, resources: Json) -> None:
    usual = template["Globals"]["Function"]["Timeout"]
    checked = set()
    for function in of_type(resources, FUNCTION).values():
        for event in function.get("Events", {}).values():
            if event["Type"] != "SQS":
                continue
            queue = event["Properties"]["Queue"]["Fn::GetAtt"].removesuffix(".Arn")
            assert of_type(resources, QUEUE)[queue]["VisibilityTimeout"] >= 6 * function.get("Timeout", usual), queue
            assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
            checked.add(queue)
    # The dead-letter queues have a consumer too: it answers the tokens of what nobody could work on.
    assert checked == set(of_type(resources, QUEUE))


def test_queues_are_encrypted(resources: Json) -> None:
    for name, queue in of_type(resources, QUEUE).items():
        assert queue["SqsManagedSseEnabled"] is True, name


def test_only_the_functions_that_ask_the_model_carry_its_layer_and_its_secret(resources: Json) -> None:
    for name, function in of_type(resources, FUNCTION).items():
        carries = {"Ref": "LlmLayer"} in function["Layers"]
        told = "LLM_SECRET" in function["Environment"]["Variables"]
        role = function["Role"]["Fn::GetAtt"].removesuffix(".Arn")
        allowed = "LlmSecretName" in json.dumps(resources[role])
        assert (carries, told, allowed) == (name in CALLS_THE_MODEL,) * 3, name


def test_the_way_to_the_provider_has_parameters_and_a_proxy_s_password_has_no_place_in_them(
    template: Json, resources: Json
) -> None:
    pattern = template["Parameters"]["LlmProxyUrl"]["AllowedPattern"]
    assert all(re.fullmatch(pattern, value) for value in ("", "http://proxy.example:3128", "https://proxy/"))
    assert not re.fullmatch(pattern, "http://user:password@proxy.example:3128")
    for name, function in of_type(resources, FUNCTION).items():
        variables = function["Environment"]["Variables"]
        for variable in ("LLM_PROXY", "LLM_NO_PROXY", "LLM_CA_BUNDLE"):
            assert (variable in variables) == (name in CALLS_THE_MODEL), (name, variable)


def test_only_the_function_that_scores_carries_the_scorer(resources: Json) -> None:
    carriers = {n for n, f in of_type(resources, FUNCTION).items() if {"Ref": "ScoringLayer"} in f["Layers"]}
    assert carriers == {"PredictionAgent"}


def test_each_function_has_a_role_of_its_own_and_its_own_database_secret(resources: Json) -> None:
    functions = of_type(resources, FUNCTION)
    roles = [function["Role"]["Fn::GetAtt"] for function in functions.values()]
    assert len(set(roles)) == len(roles)
    for function in functions.values():
        name = function["Handler"].split(".")[0]
        assert function["Environment"]["Variables"]["DATABASE_SECRET"]["Fn::Sub"].endswith(f"/{name}")
        role = json.dumps(resources[function["Role"]["Fn::GetAtt"].removesuffix(".Arn")])
        assert f"${{DatabaseSecretPrefix}}/{name}-*" in role
        assert role.count("${DatabaseSecretPrefix}") == 1


def test_a_handler_is_where_the_template_says(resources: Json) -> None:
    for function in of_type(resources, FUNCTION).values():
        package, module, _ = function["Handler"].split(".")
        assert (ROOT / function["CodeUri"] / package / f"{module}.py").exists()


def test_no_permission_is_for_everything(resources: Json) -> None:
    for role, statement in statements(resources):
        actions = set(as_list(statement["Action"]))
        assert not any("*" in action for action in actions), (role, actions)
        if "*" in as_list(statement["Resource"]):
            assert actions <= ONLY_ON_EVERYTHING, (role, actions)


def test_no_environment_variable_holds_a_secret(template: Json, resources: Json) -> None:
    for name, function in of_type(resources, FUNCTION).items():
        for variable, value in function["Environment"]["Variables"].items():
            assert not any(word in variable for word in ("PASSWORD", "API_KEY", "TOKEN")), (name, variable)
            assert "resolve:secretsmanager" not in json.dumps(value)
    for name, parameter in template["Parameters"].items():
        assert not any(word in name for word in ("Password", "ApiKey")), (name, parameter)


def test_every_function_writes_to_a_log_group_with_retention(resources: Json) -> None:
    groups = of_type(resources, "AWS::Logs::LogGroup")
    for name, group in groups.items():
        assert group["RetentionInDays"], name
    for function in of_type(resources, FUNCTION).values():
        group = groups[function["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["LogGroupName"] == f"/aws/lambda/{function['FunctionName']}"


def test_the_state_machine_is_a_file_of_its_own(resources: Json) -> None:
    [machine] = of_type(resources, "AWS::Serverless::StateMachine").values()
    assert "Definition" not in machine
    assert machine["DefinitionUri"] == "infra/statemachine/retention_run.asl.json"
    assert (ROOT / machine["DefinitionUri"]).exists()
    assert machine["Logging"]["IncludeExecutionData"] is False


def test_every_substitution_of_the_state_machine_is_given(resources: Json) -> None:
    [machine] = of_type(resources, "AWS::Serverless::StateMachine").values()
    text = (ROOT / machine["DefinitionUri"]).read_text(encoding="utf-8")
    for name in machine["DefinitionSubstitutions"]:
        assert f"${{{name}}}" in text
    assert text.count("${") == sum(text.count(f"${{{name}}}") for name in machine["DefinitionSubstitutions"])


@pytest.mark.parametrize("kind", ["AWS::S3::Bucket"])
def test_buckets_are_private_and_encrypted(resources: Json, kind: str) -> None:
    for name, bucket in of_type(resources, kind).items():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}, name
        assert bucket["BucketEncryption"], name


def test_agents_that_call_the_model_have_a_limit_of_environments_and_the_map_fills_them(
    template: Json, resources: Json
) -> None:
    defaults = {name: parameter.get("Default") for name, parameter in template["Parameters"].items()}
    limits = {
        name: defaults[resources[name]["Properties"]["Events"]["Batches"]["Properties"]["ScalingConfig"][
            "MaximumConcurrency"
        ]["Ref"]]
        for name in CALLS_THE_MODEL
    }  # fmt: skip
    # The agent behind must be able to catch up; AWS refuses a limit of one.
    assert 2 <= limits["NlpAgent"] < limits["ActionAgent"]
    # One more each for the prediction, and for a batch that waits behind either.
    assert defaults["MapConcurrency"] >= sum(limits.values()) + 3
