"""The sealer and its witnesses: cosignatures are collected with each checkpoint, and later where a witness was down."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from audit_agent import sealing, witnessing
from audit_agent.publishing import CheckpointStore
from audit_agent.sealing import Sealer
from audit_agent.signing import Signer as KmsSigner
from audit_agent.witnessing import Witness, parse_witnesses
from tests.integration.audit.audit_environment import AuditEnvironment, request
from tests.integration.witness.running import RunningWitness, SignedLog, running_witness, start
from tests.tamper.sealed_log import ORIGIN
from vigie.errors import SettingsError
from vigie.trail import Trail
from vigie.verify import (
    COSIGNATURE,
    check_consistency_file,
    check_inclusion_file,
    format_verifier_key,
    has_cosigned,
    parse_checkpoint,
    split_notes,
)


@pytest.fixture
def witness(environment: AuditEnvironment, tmp_path: Path) -> Iterator[RunningWitness]:
    with running_witness(tmp_path / "witness", [log_key(environment)]) as running:
        yield running


def log_key(environment: AuditEnvironment) -> str:
    return format_verifier_key(ORIGIN, 2, environment.kms.signer.der)


def sealer_of(environment: AuditEnvironment, witnesses: Sequence[Witness]) -> Sealer:
    signer, store = KmsSigner("key", ORIGIN, environment.kms), CheckpointStore("bucket", environment.s3)
    return Sealer(environment.database("audit_agent"), signer, store, witnesses)


def asked(*running: RunningWitness) -> tuple[Witness, ...]:
    return parse_witnesses(",".join(f"{each.line}@{each.url}" for each in running))


def cosigned_sizes(environment: AuditEnvironment) -> list[int]:
    return [size for (size,) in environment.fetch("SELECT tree_size FROM audit_cosignature ORDER BY 1")]


def test_each_checkpoint_is_cosigned_and_published_with_the_cosignature(
    environment: AuditEnvironment, witness: RunningWitness
) -> None:
    sealer = sealer_of(environment, asked(witness))
    sizes = []
    for count in (5, 1, 130, 2, 64):
        environment.write(count)
        signed = sealer.seal(request())
        assert signed
        sizes.append(signed.size)
    assert cosigned_sizes(environment) == sizes
    for size in sizes:
        note = environment.s3.objects[f"cosignatures/{size:020d}-{witness.key.key_id.hex()}.txt"].decode()
        assert has_cosigned(parse_checkpoint(note), witness.key)
    assert environment.verify().valid


def test_what_is_exported_and_proved_carries_the_cosignatures(
    environment: AuditEnvironment, witness: RunningWitness
) -> None:
    ids = environment.write(5)
    sealer = sealer_of(environment, asked(witness))
    sealer.seal(request())
    environment.write(5)
    sealer.seal(request())
    key = environment.kms.signer.public
    with contextlib.closing(environment.connect("dashboard")) as connection:
        trail = Trail(connection)
        notes = list(split_notes("".join(trail.checkpoints())))
        assert all(has_cosigned(parse_checkpoint(note), witness.key) for note in notes)
        check_inclusion_file(trail.inclusion(ids[0]), key, ORIGIN, [witness.key], 1)
        check_consistency_file(trail.consistency(5, 11), key, ORIGIN, [witness.key], 1)


def test_a_sealer_that_starts_anew_goes_on_from_what_the_witness_has_seen(
    environment: AuditEnvironment, witness: RunningWitness
) -> None:
    for count in (7, 20, 3):
        environment.write(count)
        sealer_of(environment, asked(witness)).seal(request())
    assert len(cosigned_sizes(environment)) == 3


def test_a_cosignature_that_was_lost_on_its_way_is_asked_for_again(
    environment: AuditEnvironment, witness: RunningWitness
) -> None:
    environment.write(7)
    sealer_of(environment, asked(witness)).seal(request())
    environment.tamper("DELETE FROM audit_cosignature")
    environment.write(9)
    sealer_of(environment, asked(witness)).seal(request())
    assert cosigned_sizes(environment) == [17]


def test_a_witness_that_is_down_stops_nothing_and_cosigns_later(
    environment: AuditEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    running = start(tmp_path / "witness", [log_key(environment)])
    sealer = sealer_of(environment, asked(running))
    environment.write(5)
    sealer.seal(request())
    running.kill()
    environment.write(5)
    signed = sealer.seal(request())
    assert signed
    assert f"checkpoints/{signed.size:020d}.txt" in environment.s3.objects
    assert "witness did not cosign" in caplog.text
    again = start(tmp_path / "witness", [log_key(environment)], port=running.port)
    try:
        sealer.seal(request())
        assert cosigned_sizes(environment) == [5], "it is left alone for a while"
        now = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: now() + sealing.RETRY_SECONDS + 1)
        sealer.seal(request())
        assert cosigned_sizes(environment) == [5, signed.size]
    finally:
        again.kill()


def test_one_of_two_that_is_down_does_not_keep_the_other_from_cosigning(
    environment: AuditEnvironment, witness: RunningWitness, tmp_path: Path
) -> None:
    with running_witness(tmp_path / "second", [log_key(environment)], "witness.example/w2") as second:
        witnesses = asked(witness, second)
    environment.write(5)
    sealer_of(environment, witnesses).seal(request())
    assert environment.fetch("SELECT witness FROM audit_cosignature") == [(asked(witness)[0].label,)]


@contextlib.contextmanager
def server_that_says(answer: bytes, pause: float = 0) -> Iterator[int]:
    """Something at a witness's address that is no witness."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, contextlib.suppress(OSError):
                        connection.recv(1 << 16)
                        for byte in answer:
                            connection.sendall(bytes([byte]))
                            time.sleep(pause)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


NOT_MINE = SignedLog()


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"nonsense", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n\xff\xfe", b"HTTP/1.1 500 Oh\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + "— witness.example/w1 AAAAAAAAAAAAAAAAAAAA\n".encode(),
        b"HTTP/1.1 200 OK\r\n\r\n" + NOT_MINE.note(NOT_MINE.leaves(3)).rpartition("\n\n")[2].encode(),
        b"HTTP/1.1 409 Conflict\r\n\r\n99999\n", b"HTTP/1.1 409 Conflict\r\n\r\nmany\n",
        b"HTTP/1.1 409 Conflict\r\n\r\n" + b"9" * 5000, b"HTTP/1.1 409 Conflict\r\n\r\n1\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_no_cosignature_is_not_stored_and_stops_nothing(
    environment: AuditEnvironment, witness: RunningWitness, answer: bytes
) -> None:
    environment.write(5)
    with server_that_says(answer) as port:
        signed = sealer_of(environment, parse_witnesses(f"{witness.line}@http://127.0.0.1:{port}")).seal(request())
    assert signed
    assert cosigned_sizes(environment) == []
    assert list(environment.s3.objects) == ["checkpoints/00000000000000000005.txt"]


def test_a_witness_that_never_comes_to_an_end_is_not_waited_for(
    environment: AuditEnvironment, witness: RunningWitness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witnessing, "SECONDS", 0.5)
    environment.write(5)
    with server_that_says(b"HTTP/1.1 200 OK\r\n" + b"a" * 5000, 0.1) as port:
        sealer = sealer_of(environment, parse_witnesses(f"{witness.line}@http://127.0.0.1:{port}"))
        began = time.monotonic()
        assert sealer.seal(request())
    assert time.monotonic() - began < 5


def test_a_database_put_back_is_not_cosigned_and_that_is_an_error_in_the_log(
    environment: AuditEnvironment, witness: RunningWitness, caplog: pytest.LogCaptureFixture
) -> None:
    environment.write(5)
    copy = AuditEnvironment(environment.migrated, environment.migrated.copy(environment.name), environment.kms)
    environment.write(4)
    sealer_of(environment, asked(witness)).seal(request())
    copy.write(20)
    sealer_of(copy, asked(witness)).seal(request())
    assert cosigned_sizes(copy) == []
    assert [record.levelname for record in caplog.records if record.message == "witness did not cosign"] == ["ERROR"]
    environment.migrated.drop(copy.name)


@pytest.mark.parametrize(
    "setting", ["x", "{key}", "{key}@", "{key}@ftp://x", "{key}@https://x?a", "{log}@https://x", "@https://x"]
)
def test_a_setting_that_names_no_witness_is_refused_by_name(setting: str) -> None:
    key = format_verifier_key("w", COSIGNATURE, NOT_MINE.ed25519.public_key().public_bytes_raw())
    with pytest.raises(SettingsError, match="WITNESSES="):
        parse_witnesses(setting.format(key=key, log=NOT_MINE.keys()[1]))
    assert parse_witnesses("") == ()
    assert [each.url for each in parse_witnesses(f"{key}@https://x/a/, {key}@http://y")] == ["https://x/a", "http://y"]
    with pytest.raises(SettingsError, match="at most"):
        parse_witnesses(",".join([f"{key}@https://x"] * 15))
