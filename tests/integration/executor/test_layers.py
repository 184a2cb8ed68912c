"""Layers are merged into one folder in AWS's order and come after the function's own code."""

import json
from typing import Any

SAY = """
def handler(event, context):
    import {modules}
    return [{values}]
"""


def imported(deploy: Any, modules: list[str], layers: list[dict[str, str]], **own: str) -> list[str]:
    source = SAY.format(modules=", ".join(modules), values=", ".join(f"{name}.WHERE" for name in modules))
    files = {"app.py": source} | {f"{name}.py": text for name, text in own.items()}
    function = deploy.function(files, Layers=[deploy.layer(layer) for layer in layers])
    answer = function.invoke()
    assert "FunctionError" not in answer, answer["Text"]
    found: list[str] = json.loads(answer["Text"])
    return found


def test_layers_packages_can_be_imported(deploy: Any) -> None:
    first = {"python/one.py": "WHERE = 'first'"}
    second = {"python/lib/python3.13/site-packages/two.py": "WHERE = 'second'"}
    assert imported(deploy, ["one", "two"], [first, second]) == ["first", "second"]


def test_a_later_layer_wins_over_an_earlier_one(deploy: Any) -> None:
    layers = [{"python/same.py": f"WHERE = '{name}'"} for name in ("first", "second")]
    assert imported(deploy, ["same"], layers) == ["second"]


def test_layers_that_share_a_package_are_merged(deploy: Any) -> None:
    first = {"python/shared/__init__.py": "", "python/shared/a.py": "WHERE = 'first'"}
    second = {"python/shared/b.py": "WHERE = 'second'"}
    assert imported(deploy, ["shared.a", "shared.b"], [first, second]) == ["first", "second"]


def test_the_functions_own_code_wins_over_its_layers(deploy: Any) -> None:
    layer = {"python/same.py": "WHERE = 'layer'"}
    assert imported(deploy, ["same"], [layer], same="WHERE = 'own'") == ["own"]


def test_a_layers_library_wins_over_the_runtimes(deploy: Any) -> None:
    assert imported(deploy, ["boto3"], [{"python/boto3.py": "WHERE = 'layer'"}]) == ["layer"]


def test_a_function_without_layers_does_not_see_those_of_others(deploy: Any) -> None:
    deploy.function("def handler(event, context): pass", Layers=[deploy.layer({"python/one.py": ""})])
    function = deploy.function("def handler(event, context): import one")
    assert json.loads(function.invoke()["Text"])["errorType"] == "ModuleNotFoundError"
