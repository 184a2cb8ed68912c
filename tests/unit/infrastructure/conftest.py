"""The template and the state machine, read."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
STATE_MACHINE = ROOT / "infra" / "statemachine" / "retention_run.asl.json"
Json = dict[str, Any]


class TemplateLoader(yaml.SafeLoader):
    """Reads CloudFormation's short forms: `!Ref x` as {"Ref": "x"}, `!GetAtt a.b` as {"Fn::GetAtt": "a.b"}."""


def _construct(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Json:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


TemplateLoader.add_multi_constructor("!", _construct)


@pytest.fixture(scope="session")
def template() -> Json:
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    parsed: Json = yaml.load(text, Loader=TemplateLoader)
    return parsed


@pytest.fixture(scope="session")
def resources(template: Json) -> Json:
    found: Json = template["Resources"]
    return found


@pytest.fixture(scope="session")
def definition() -> Json:
    parsed: Json = json.loads(STATE_MACHINE.read_text(encoding="utf-8"))
    return parsed


def of_type(resources: Json, kind: str) -> Json:
    """Properties of every resource of a type, by logical id."""
    return {name: one["Properties"] for name, one in resources.items() if one["Type"] == kind}
