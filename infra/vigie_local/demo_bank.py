"""The demo bank: made up, loaded and modelled on first use; and the way for tools into the database."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from vigie_local.console_steps import run_tool, step
from vigie_local.database_certificate import CERTIFICATE
from vigie_local.errors import StepError
from vigie_local.localstack import CREDENTIALS
from vigie_local.migrations import OPERATOR, OWNER
from vigie_local.secrets import role_passwords
from vigie_local.services import database_server
from vigie_local.settings import DATABASE, LOOPBACK, REPOSITORY, LocalSettings, service_environment, tool_environment


def fill_bank(settings: LocalSettings) -> bool:
    """Load the demo bank unless there are customers, and train its model unless one is approved; whether one is."""
    present = _count(settings, "SELECT count(*) FROM customers")
    with step("Demo bank") as current:
        if present:
            current.note = f"{present} customers are loaded already" + _size_hint(settings)
        else:
            _synthesise(settings)
            _module(settings, "load", "model.load", "--demo", "--data", str(_folder(settings)))
            current.note = f"{settings.customers} made-up customers loaded"
    with step("Churn model") as current:
        if _count(settings, "SELECT count(*) FROM model_registry WHERE state = 'approved'"):
            current.note = "an approved one is registered already"
        elif not _count(settings, "SELECT count(*) FROM loaded_contracts WHERE (content ->> 'demo')::boolean"):
            current.note = "none is approved for your own customers: make train, then make promote"
        else:
            _train(settings)
            current.note = "trained, registered and approved: the demo's own first model"
    return bool(_count(settings, "SELECT count(*) FROM model_registry WHERE state = 'approved'"))


def tool_variables(settings: LocalSettings) -> dict[str, str]:
    """What a tool needs to reach this local cloud: AWS's variables, PostgreSQL's for the owner and for an operator."""
    return {
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": settings.endpoint,
        "VIGIE_HOME": str(settings.home),
        "POSTGRES_PORT": str(settings.postgres_port),
        "LOCALSTACK_PORT": str(settings.localstack_port),
        "MODEL_PORT": str(settings.model_port),
        "DASHBOARD_PORT": str(settings.dashboard_port),
        "DASHBOARD_URL": settings.dashboard_public_url,
        "PGHOST": settings.postgres_host,
        "PGPORT": str(settings.postgres_port),
        "PGDATABASE": DATABASE,
        "PGUSER": OWNER,
        "PGPASSWORD": role_passwords(settings.private)[OWNER],
        # What an operator does goes through the operator's own role.
        "OPERATOR_PASSWORD": role_passwords(settings.private)[OPERATOR],
        "PGSSLROOTCERT": str(settings.private / CERTIFICATE) if settings.postgres_host != LOOPBACK else "",
    }


def run_with_cloud(settings: LocalSettings, command: list[str]) -> int:
    """Run a program of this project with the caller's variables and `tool_variables`; return its exit code."""
    if command[:1] == ["python"]:
        command = [sys.executable, *command[1:]]
    environment = tool_environment(service_environment(tool_variables(settings)))
    return subprocess.run(command, env=environment, cwd=REPOSITORY).returncode


def _synthesise(settings: LocalSettings) -> None:
    _module(
        settings, "synthesise", "model.synthesise",
        "--customers", str(settings.customers), "--out", str(_folder(settings)),
    )  # fmt: skip
    (settings.home / "bank.json").write_text(json.dumps({"customers": settings.customers}))


def _train(settings: LocalSettings) -> None:
    # The comparison with other kinds of models takes minutes and changes nothing here: make train does it.
    _module(settings, "train", "model.train", "--quick", "--demo", "--data", str(_folder(settings)))


def _folder(settings: LocalSettings) -> Path:
    return settings.home / "bank"


def _module(settings: LocalSettings, log: str, module: str, *arguments: str) -> None:
    environment = service_environment(tool_variables(settings))
    command = [sys.executable, "-m", module, *arguments]
    run_tool(command, environment, settings.logs / f"{log}.log", REPOSITORY)


def _size_hint(settings: LocalSettings) -> str:
    try:
        made = json.loads((settings.home / "bank.json").read_text())["customers"]
    except (FileNotFoundError, ValueError, KeyError):
        return ""
    return f" (CUSTOMERS={settings.customers} counts after make clean)" if made != settings.customers else ""


def _count(settings: LocalSettings, query: str) -> int:
    server = database_server(settings)
    connection = server.connect(DATABASE, OWNER, role_passwords(settings.private)[OWNER])
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone()
    finally:
        connection.close()
    if row is None:
        raise StepError(f"The database returned no row for: {query}")
    return int(row[0])
