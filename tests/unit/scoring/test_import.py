"""The scoring path loads NumPy and nothing heavy."""

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
