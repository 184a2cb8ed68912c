"""The long run; exit code 1 if anything slips by.

PYTHONPATH=.:layers/common python -m tests.tamper --mutations 10000 --logs 1000 --seed 1
"""

from __future__ import annotations

import argparse
import json
import sys
from time import perf_counter
from typing import Any

from tests.tamper.suite import Result, run_honest, run_mutations


def as_figures(tampered: Result, honest: Result) -> dict[str, Any]:
    """The counts as plain JSON."""
    return {
        "mutations": tampered.done.total(),
        "found": tampered.found.total(),
        "missed": tampered.missed,
        "honest_logs": honest.honest,
        "false_alarms": honest.false_alarms,
        "by_mutation": {
            name: {
                "done": done,
                "found": tampered.found[name],
                "place_inside_range": tampered.inside[name],
                "place_exact": tampered.exact[name],
                "kinds": dict(tampered.kinds[name].most_common()),
            }
            for name, done in tampered.done.items()
        },
    }


def main() -> int:
    """Run both halves and print the figures; return 1 after a missed mutation or a false alarm, otherwise 0."""
    parser = argparse.ArgumentParser("tests.tamper", description=__doc__)
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--logs", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    start = perf_counter()
    figures = as_figures(run_mutations(options.mutations, options.seed), run_honest(options.logs, options.seed))
    figures["seconds"] = round(perf_counter() - start, 1)
    print(json.dumps(figures, indent=1))
    return 1 if figures["missed"] or figures["false_alarms"] else 0


if __name__ == "__main__":
    sys.exit(main())
