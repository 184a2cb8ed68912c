"""What functions may do on AWS is what they do: template, list and code say the same."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import yaml
from botocore import xform_name

from tests.unit.governance.permissions import Right, faults, granted, plainly

ROOT = Path(__file__).parents[3]
IAM = tomllib.loads((ROOT / "docs" / "governance" / "iam.toml").read_text(encoding="utf-8"))["functions"]
SERVICES = {"stepfunctions": "states"}
# Operations that IAM knows by another name.
OTHER_NAMES = {"s3:ListObjectsV2": "s3:ListBucket"}


class TemplateLoader(yaml.SafeLoader):
    """Reads CloudFormation's short functions as plain values."""


def _construct(loader: TemplateLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {suffix: loader.construct_mapping(node, deep=True)}


TemplateLoader.add_multi_constructor("!", _construct)
TEMPLATE: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), TemplateLoader)
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
FUNCTIONS = {name: r for name, r in RESOURCES.items() if r["Type"] == "AWS::Serverless::Function"}
ROLES = {name: r for name, r in RESOURCES.items() if r["Type"] == "AWS::IAM::Role"}


def listed(function: str) -> set[Right]:
    """(action, resource) of every call in the list."""
    return {(call["action"], resource) for call in IAM[function]["calls"] for resource in call["on"]}


def role_of(name: str) -> str:
    """The role that a function or the state machine names."""
    return str(RESOURCES[name]["Properties"]["Role"]["GetAtt"].removesuffix(".Arn"))


def modules_of(function: str) -> dict[str, Path]:
    """Every module of ours that the function's handler imports, by whatever way."""
    package = FUNCTIONS[function]["Properties"]["CodeUri"].rsplit("/", 1)[1]
    found: dict[str, Path] = {}
    waiting = [f"{package}.handler"]
    while waiting:
        name = waiting.pop()
        path = _module_file(name)
        if name not in found and path is not None:
            found[name] = path
            waiting += list(_imports(path))
    return found


def _module_file(name: str) -> Path | None:
    parts = name.split(".")
    folders = [ROOT / "functions" / parts[0], *(ROOT / "layers" / layer for layer in ("common", "llm", "scoring"))]
    for folder in folders:
        for path in (folder.joinpath(*parts).with_suffix(".py"), folder.joinpath(*parts, "__init__.py")):
            if path.exists():
                return path
    return None


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls_of(path: Path) -> set[str]:
    """The AWS actions that a module's code asks for: operations of the clients that it makes."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    words = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    words |= {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    actions = {"secretsmanager:GetSecretValue"} if "get_secret" in words else set()
    for service in _clients(tree):
        for operation in botocore.session.get_session().get_service_model(service).operation_names:
            if xform_name(operation) in words:
                action = f"{SERVICES.get(service, service)}:{operation}"
                actions.add(OTHER_NAMES.get(action, action))
    return actions


def _clients(tree: ast.AST) -> set[str]:
    return {
        str(node.args[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"client", "resource"}
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }


def test_every_role_belongs_to_one_entry_of_the_list_and_every_entry_to_a_role() -> None:
    assert {role_of(name) for name in IAM} == set(ROLES)
    assert set(IAM) == {*FUNCTIONS, "RetentionRun"}


def test_no_function_has_a_right_that_the_list_does_not_name() -> None:
    assert {name: rights for name in IAM if (rights := granted(TEMPLATE, role_of(name)) - listed(name))} == {}


def test_no_function_lacks_a_right_that_the_list_names() -> None:
    assert {name: rights for name in IAM if (rights := listed(name) - granted(TEMPLATE, role_of(name)))} == {}


def test_no_right_comes_another_way_than_the_list_shows() -> None:
    """Managed policies, wildcards, NotAction, other principals, resources that hand rights on."""
    assert list(faults(TEMPLATE)) == []


def test_the_code_calls_what_the_list_says_and_nothing_else() -> None:
    for function in FUNCTIONS:
        called = {(module, action) for module, path in modules_of(function).items() for action in calls_of(path)}
        said = {(call["by"], call["action"]) for call in IAM[function]["calls"] if call["by"] != "platform"}
        assert called == said, function


def test_only_what_aws_cannot_narrow_is_allowed_on_everything() -> None:
    everywhere = {
        (name, action) for name in IAM for action, resource in granted(TEMPLATE, role_of(name)) if resource == "*"
    }
    assert {name for name, _ in everywhere} <= {"RetentionRun"}
    assert all(re.fullmatch(r"logs:\w+(LogDeliver\w+|ResourcePolic\w+|LogGroups)", action) for _, action in everywhere)
    assert not any("*" in action for name in IAM for action, _ in granted(TEMPLATE, role_of(name)))


def test_only_the_two_agents_that_ask_a_model_may_read_its_key_and_carry_its_layer() -> None:
    may_read = {name for name in IAM if any("{LlmSecretName}" in on for _, on in granted(TEMPLATE, role_of(name)))}
    layers = {name: str(function["Properties"]["Layers"]) for name, function in FUNCTIONS.items()}
    told = {name for name in FUNCTIONS if "LLM_SECRET" in _variables(name)}
    imports = {name for name in FUNCTIONS if any(module.startswith("vigie_llm") for module in modules_of(name))}
    assert may_read == {name for name, of in layers.items() if "LlmLayer" in of} == told == imports
    assert may_read == {"NlpAgent", "ActionAgent"}


def test_no_functions_environment_holds_a_secret() -> None:
    """Variables name secrets; what they are set to is a name, a number or a resource."""
    for name in FUNCTIONS:
        for variable, value in _variables(name).items():
            assert not re.search(r"PASSWORD|TOKEN|CREDENTIAL|API_KEY|_URL$", variable), f"{name}: {variable}"
            if variable.endswith("_SECRET"):
                assert plainly(value) in (
                    f"{{DatabaseSecretPrefix}}/{FUNCTIONS[name]['Properties']['CodeUri'].rsplit('/', 1)[1]}",
                    "LlmSecretName",
                ), f"{name}: {variable}"


def _variables(name: str) -> dict[str, Any]:
    variables: dict[str, Any] = FUNCTIONS[name]["Properties"]["Environment"]["Variables"]
    return variables
