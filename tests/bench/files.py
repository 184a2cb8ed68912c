"""Measure time and memory of `make contract`, `make load` and the reading of `make train` on a file of a million rows.

`python -m tests.bench.files 100000` measures a smaller file and prints its figures.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from vigie_local.migrations import OWNER, apply_migrations, prepare_database
from vigie_local.postgres import temporary_postgres
from vigie_local.settings import REPOSITORY, service_environment

ROWS = 1_000_000
PASSWORD, DATABASE = "measured-and-thrown-away", "files_bench"
# What the documentation says a million rows need at most (docs/own-data.md).
MOST_MB = {"contract": 1_000, "load": 600, "read for training": 1_500}
READ = (
    "import sys; from pathlib import Path; from model.contract import load_contract; "
    "from model.validate import read_table; "
    "print(len(read_table(Path(sys.argv[1]), load_contract(sys.argv[2]), labelled=True)), 'rows read')"
)


def run(rows: int = ROWS) -> dict[str, Any]:
    """Seconds and peak megabytes of each command, by its name."""
    with tempfile.TemporaryDirectory(prefix="vigie-files-") as folder, temporary_postgres() as server:
        prepare_database(server, PASSWORD, DATABASE)
        apply_migrations(server, PASSWORD, dbname=DATABASE)
        dsn = f"host=127.0.0.1 port={server.port} dbname={DATABASE} user={OWNER} password={PASSWORD}"
        data, contract = Path(folder) / "customers.csv", Path(folder) / "customers.toml"
        write_customers(data, rows)
        asked = ["--label", "churn", "--positive", "Yes", "--id", "id", "--consents", "made up", "--out", str(contract)]
        commands = {
            "contract": ["-m", "model.draft", "--data", str(data), *asked],
            "load": ["-m", "model.load", "--data", str(data), "--contract", str(contract), "--dsn", dsn],
            "read for training": ["-c", READ, str(data), str(contract)],
        }
        size = {"rows": rows, "file_mb": round(data.stat().st_size / 1e6)}
        return size | {name: _measure(name, command, rows) for name, command in commands.items()}


def write_customers(path: Path, rows: int) -> None:
    """Made-up customers: an id, numbers that seldom repeat, words, a flag, gaps, and who left."""
    draw = random.Random(11)
    with path.open("w", encoding="utf-8") as stream:
        stream.write("id,balance,income,tenure,age,plan,active,region,last_offer,churn\n")
        for number in range(rows):
            left = "Yes" if draw.random() < 0.2 else "No"
            balance = "" if draw.random() < 0.02 else f"{draw.random() * 5000:.2f}"
            stream.write(
                f"C{number:07d},{balance},{draw.randint(12_000, 90_000)},{draw.randint(0, 40)},{draw.randint(18, 80)},"
                f"{draw.choice(('Basic', 'Plus', 'Pro'))},{draw.choice(('Yes', 'No'))},"
                f"{draw.choice(('North', 'South', 'East', 'West'))},{draw.choice(('', 'x'))},{left}\n"
            )


def _measure(name: str, command: list[str], rows: int) -> dict[str, float]:
    begun = time.monotonic()
    process = subprocess.Popen([sys.executable, *command], cwd=REPOSITORY, env=service_environment())
    _, status, used = os.wait4(process.pid, 0)
    seconds, unit = time.monotonic() - begun, 1e6 if sys.platform == "darwin" else 1e3
    if status:
        raise SystemExit(f"{name} ended with {os.waitstatus_to_exitcode(status)}")
    processor = round(used.ru_utime + used.ru_stime, 1)
    found = {
        "seconds": round(seconds, 1),
        "processor_seconds": processor,
        "peak_mb": round(used.ru_maxrss / unit),
        "most_mb": MOST_MB[name],
    }
    if rows <= ROWS and found["peak_mb"] > MOST_MB[name]:
        raise SystemExit(f"{name} took {found['peak_mb']} MB; {MOST_MB[name]} MB are promised for {ROWS:,} rows")
    return found


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS), indent=1))
