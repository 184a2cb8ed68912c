"""Refuse a customer number or a feedback id that the database holds for another customer."""

from typing import Any

from model.row_faults import MOST_FAULTS


class TakenNumberError(ValueError):
    """When staged customers bring numbers that other customers have; holds the numbers and their holders' ids."""

    def __init__(self, holders: dict[str, str]) -> None:
        self.holders = holders
        super().__init__(f"{len(holders)} customer numbers belong to other customers already")


def refuse_taken_numbers(cursor: Any) -> None:
    """Raise TakenNumberError when a staged customer's number is another customer's who keeps it."""
    cursor.execute(
        """
        SELECT s.customer_number, c.customer_id::text FROM staged_customers s
        JOIN customers c ON c.customer_number = s.customer_number AND c.customer_id <> s.customer_id
        WHERE NOT EXISTS (SELECT FROM staged_customers r WHERE r.customer_id = c.customer_id
                          AND r.customer_number IS DISTINCT FROM c.customer_number)
        LIMIT %s
        """,
        (MOST_FAULTS,),
    )
    if holders := dict(cursor.fetchall()):
        raise TakenNumberError(holders)
