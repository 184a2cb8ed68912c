"""The scoring path loads NumPy and nothing heavy."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

LAYER = Path(__file__).parents[3] / "layers" / "scoring"
HEAVY = ("sklearn", "scipy", "pandas", "joblib", "interpret", "pickle5", "boto3", "numpy.testing", "matplotlib")


def test_scoring_imports_numpy_and_nothing_heavy() -> None:
    program = "import json, sys, vigie_scoring, vigie_scoring.drift; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(LAYER)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(json.loads(done.stdout))
    assert "numpy" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_nothing_that_is_deployed_can_open_a_pickle() -> None:
    root = LAYER.parents[1]
    sources = [*(root / "functions").rglob("*.py"), *(root / "layers").rglob("*.py")]
    assert len(sources) > 40
    opened = {"pickle", "joblib", "cloudpickle", "dill", "shelve", "marshal"}
    for source in sources:
        nodes = list(ast.walk(ast.parse(source.read_text(encoding="utf-8"))))
        named = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
        named |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        assert opened.isdisjoint(name.split(".")[0] for name in named), source
        assert "allow_pickle" not in source.read_text(encoding="utf-8"), source
