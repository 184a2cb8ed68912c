"""The error trees drawn in the modules' docstrings are the trees that the code has."""

import inspect
import re
from types import ModuleType

import pytest

import vigie.errors
import vigie_llm.errors

LINE = re.compile(r"^(?P<indent>[│ ]*)(?:[├└]── )?(?P<name>[A-Z]\w*Error|DeadLettered)\b", re.MULTILINE)


def drawn_tree(module: ModuleType) -> dict[str, str]:
    """Each error's name and its parent's, as the docstring draws them."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for match in LINE.finditer(module.__doc__ or ""):
        depth = len(match["indent"]) // 4 + ("──" in match[0])
        path[depth:] = [match["name"]]
        parents[match["name"]] = path[depth - 1] if depth else "Exception"
    return parents


@pytest.mark.parametrize("module", [vigie.errors, vigie_llm.errors], ids=lambda module: str(module.__name__))
def test_the_tree_in_the_docstring_is_the_tree_in_the_code(module: ModuleType) -> None:
    defined = {
        name: error.__bases__[0].__name__
        for name, error in inspect.getmembers(module, inspect.isclass)
        if error.__module__ == module.__name__
    }
    assert drawn_tree(module) == defined


@pytest.mark.parametrize("module", [vigie.errors, vigie_llm.errors], ids=lambda module: str(module.__name__))
def test_every_error_says_when_it_is_raised(module: ModuleType) -> None:
    for name, error in inspect.getmembers(module, inspect.isclass):
        if error.__module__ == module.__name__ and len(error.__mro__) > 4:
            assert (error.__doc__ or "").startswith("When "), name


def test_a_refused_statement_reports_code_table_and_constraint() -> None:
    error = vigie.errors.StatementRefusedError("23505", "predictions", "predictions_pkey")
    assert str(error) == "the database refused a statement: 23505, table predictions, constraint predictions_pkey"
    assert error.code == "23505"
