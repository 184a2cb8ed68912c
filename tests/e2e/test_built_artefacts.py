"""What was built and deployed: only the two agents that ask a model carry what it takes to reach one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import cache_from_source
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
    for folder in sorted(cloud.settings.build.iterdir()):
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
        "DeadLetters": {"dead_letters"},
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


def test_the_scoring_layer_is_small_and_carries_its_bytecode_so_that_a_cold_start_compiles_nothing(
    cloud: Cloud,
) -> None:
    layer = dict(built(cloud))["ScoringLayer"]
    assert sum(path.stat().st_size for path in layer.rglob("*") if path.is_file()) < 60e6
    sources = [path for path in layer.rglob("*.py") if path.parent.name != "bin"]
    assert len(sources) > 100
    for source in sources:
        bytecode = Path(cache_from_source(str(source)))
        assert bytecode.is_file(), source
        # The flags of a bytecode file (PEP 552): 1 means that it is used whatever the source's date.
        assert int.from_bytes(bytecode.read_bytes()[4:8], "little") == 1, source


def test_the_scoring_path_costs_little_more_to_start_than_numpy_alone(cloud: Cloud) -> None:
    """A ratio within one run: hosts differ by more than twice. `make bench ONLY=scoring` has the milliseconds."""
    layer = dict(built(cloud))["ScoringLayer"]
    environment = {"PYTHONPATH": str(layer), "OPENBLAS_NUM_THREADS": "1"}

    def start(module: str) -> float:
        program = f"import time, sys, {module}; assert 'boto3' not in sys.modules; print(time.process_time())"
        command = [sys.executable, "-S", "-c", program]
        return float(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)

    # Processor time, in turns, and the best of several: other tests share this machine.
    spent = [(start("numpy"), start("vigie_scoring")) for _ in range(7)]
    assert min(ours for _, ours in spent) < 1.5 * min(numpy for numpy, _ in spent)
