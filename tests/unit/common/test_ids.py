"""Identifiers are UUIDs of version 7 that sort by the time they were made."""

import time
from uuid import RFC_4122

import pytest

import vigie.ids
from vigie.ids import uuid7


def test_version_and_variant_are_those_of_rfc_9562() -> None:
    for made in (uuid7() for _ in range(1000)):
        assert (made.version, made.variant) == (7, RFC_4122)


def test_the_first_48_bits_are_the_milliseconds_since_1970() -> None:
    before = time.time_ns() // 1_000_000
    stamp = uuid7().int >> 80
    assert before <= stamp <= time.time_ns() // 1_000_000


def test_they_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        now = 1_700_000_000_000_000_000

        @classmethod
        def time_ns(cls) -> int:
            cls.now += 1_000_000
            return cls.now

    monkeypatch.setattr(vigie.ids, "time", Clock)
    made = [uuid7() for _ in range(500)]
    assert made == sorted(made)
    assert [str(one) for one in made] == sorted(str(one) for one in made)


def test_they_do_not_repeat() -> None:
    assert len({uuid7() for _ in range(20_000)}) == 20_000
