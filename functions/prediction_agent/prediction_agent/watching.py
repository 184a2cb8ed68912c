"""Drift and group rates of a run's customers, compared with those the model was trained on."""

import numpy as np

from prediction_agent.store import all_predicted, insert_measures, load_predicted
from vigie.database import Database
from vigie.runs import Run
from vigie.runtime import Request
from vigie_scoring import Scorer
from vigie_scoring.groups import watch

MOST_CUSTOMERS = 10_000


def watch_run(run: Run, scorer: Scorer, database: Database, request: Request) -> None:
    """Measure drift and group rates once every customer's prediction has ended; until then do nothing.

    Of two batches that end last together, both may measure: they find the same, and it is stored once.
    """
    with database.transaction(request.origin) as transaction:
        if not all_predicted(transaction, run.run_id):
            return
        predicted = load_predicted(transaction, run, MOST_CUSTOMERS)
    rows = [row for row, _ in predicted]
    probabilities = np.array([probability for _, probability in predicted], dtype=np.float64)
    measures = watch(scorer, rows, probabilities, run.decision.high, run.decision.medium) if rows else []
    with database.transaction(request.origin) as transaction:
        insert_measures(transaction, run.run_id, measures)
