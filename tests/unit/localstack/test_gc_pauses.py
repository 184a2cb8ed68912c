"""What a full collection has found alive is not looked through again; what is given up is freed all the same."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from vigie_localstack.patches.gc_pauses import install


class Thing:
    pass


@pytest.fixture
def collecting() -> Iterator[None]:
    before = list(gc.callbacks)
    # Only the collections of the tests count.
    gc.disable()
    install()
    install()
    assert len(gc.callbacks) == len(before) + 1
    yield
    gc.callbacks[:] = before
    gc.unfreeze()
    gc.enable()


def test_survivors_are_frozen_by_full_collections_alone(collecting: None) -> None:
    kept = [Thing() for _ in range(1000)]
    frozen = gc.get_freeze_count()
    gc.collect(1)
    assert gc.get_freeze_count() <= frozen
    gc.collect()
    assert gc.get_freeze_count() >= frozen + len(kept)


def test_what_is_given_up_after_it_was_frozen_is_freed(collecting: None) -> None:
    thing = Thing()
    gone = weakref.ref(thing)
    gc.collect()
    del thing
    assert gone() is None


def test_new_circles_are_collected(collecting: None) -> None:
    gc.collect()
    thing = Thing()
    thing.itself = thing  # type: ignore[attr-defined]
    gone = weakref.ref(thing)
    del thing
    gc.collect()
    assert gone() is None
