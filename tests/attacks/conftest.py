"""What the attacks share: a migrated database made as `make deploy-local` makes it, and ways in for every role."""

from collections.abc import Callable
from uuid import UUID

import pytest

from tests.integration.conftest import Bank, bank, make_bank, migrated  # noqa: F401 - fixtures


@pytest.fixture(scope="module")
def victim(bank: Bank) -> Callable[[], UUID]:  # noqa: F811 - the fixture
    """Add a customer with no consent at all to the run `run`."""
    bank.approve_model()
    bank.plan("run", [])
    numbers = iter(range(1, 1000))

    def add() -> UUID:
        customer_id = bank.add_customer(next(numbers), consents=())
        bank.query("INSERT INTO run_customers VALUES ('run', %s, 0)", customer_id)
        return customer_id

    return add
