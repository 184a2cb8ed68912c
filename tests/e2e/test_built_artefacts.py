"""What was built and deployed: only the two agents that ask a model carry what it takes to reach one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.e2e.conftest import Cloud

ASK_A_MODEL = {"vigie-nlp-agent", "vigie-action-agent"}
FUNCTIONS = {*ASK_A_MODEL, "vigie-prediction-agent", "vigie-audit-agent", "vigie-planner", "vigie-dead-letters"}
# Programs that speak to servers outside AWS and the database; boto3's own come with AWS's runtime.
CLIENTS = {"groq", "httpx", "httpcore", "openai", "requests", "aiohttp", "anthropic"}


def packages(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_dir() and not path.name.endswith(".dist-info")}


def built(cloud: Cloud) -> Iterator[tuple[str, Path]]:
    """Each built function and layer, with the folder that Python imports from."""
    for folder in sorted((cloud.settings.home / "build").iterdir()):
        if folder.is_dir():
            yield folder.name, folder / "python" if folder.name.endswith("Layer") else folder


def test_only_the_llm_layer_holds_a_client_to_the_outside(cloud: Cloud) -> None:
    found = {name: packages(folder) & CLIENTS for name, folder in built(cloud)}
    assert {name for name, clients in found.items() if clients} == {"LlmLayer"}
    assert found["LlmLayer"] >= {"groq", "httpx"}
    assert {name for name, folder in built(cloud) if "vigie_llm" in packages(folder)} == {"LlmLayer"}


def test_each_built_function_holds_its_own_package_and_nothing_else(cloud: Cloud) -> None:
    functions = {name: packages(folder) for name, folder in built(cloud) if not name.endswith("Layer")}
    assert functions == {
        "ActionAgent": {"action_agent"},
        "AuditAgent": {"audit_agent"},
        "NlpAgent": {"nlp_agent"},
        "Planner": {"planner"},
        "PredictionAgent": {"prediction_agent"},
    }


def test_only_the_two_agents_that_ask_a_model_were_deployed_with_the_llm_layer(cloud: Cloud) -> None:
    deployed = cloud.aws("lambda", "list-functions")["Functions"]
    layers = {f["FunctionName"]: {layer["Arn"].split(":")[6] for layer in f["Layers"]} for f in deployed}
    assert set(layers) == FUNCTIONS
    assert {name for name, carried in layers.items() if "vigie-llm" in carried} == ASK_A_MODEL


def test_no_deployed_environment_holds_a_secrets_value(cloud: Cloud) -> None:
    secrets = cloud.client("secretsmanager")
    names = [found["Name"] for found in secrets.list_secrets(MaxResults=100)["SecretList"]]
    assert {"vigie/llm", "vigie/database/nlp_agent"} <= set(names)
    texts = [secrets.get_secret_value(SecretId=name)["SecretString"] for name in names]
    passwords = {part for text in texts for part in text.split('"') if len(part) > 30 or part == "local-needs-no-key"}
    assert passwords
    for function in cloud.aws("lambda", "list-functions")["Functions"]:
        for name, value in function["Environment"]["Variables"].items():
            assert not any(password in value for password in passwords), f"{function['FunctionName']}: {name}"
