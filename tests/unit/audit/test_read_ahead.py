"""Reading ahead: everything in order, errors where they happened, nothing left behind."""

import threading
from collections.abc import Iterator

import pytest

from audit_agent.read_ahead import ReadAhead


def test_everything_comes_in_order() -> None:
    with ReadAhead(iter(range(50)), 3) as ahead:
        assert list(ahead) == list(range(50))


def test_the_next_items_are_fetched_before_anybody_asks_but_no_more_than_allowed() -> None:
    fetched = threading.Semaphore(0)
    count = 0

    def source() -> Iterator[int]:
        nonlocal count
        for number in range(100):
            count += 1
            fetched.release()
            yield number

    with ReadAhead(source(), 2):
        for _ in range(3):
            assert fetched.acquire(timeout=20)
        assert not fetched.acquire(timeout=0.2)
    assert count == 3


def test_what_the_source_raises_is_raised_after_what_came_before_it() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise KeyError("gone")

    taken: list[int] = []
    with ReadAhead(source(), 5) as ahead, pytest.raises(KeyError, match="gone"):
        taken.extend(ahead)
    assert taken == [1]


def test_no_thread_is_left_when_no_one_takes_the_items() -> None:
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError), ReadAhead(iter(range(100)), 1):
        raise ZeroDivisionError
    assert threading.active_count() == before
