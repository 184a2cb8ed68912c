"""The witness over HTTP: it cosigns what only grows, and nothing else, whatever it is sent and whenever it dies."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.integration.witness.running import NAME, RunningWitness, SignedLog, request, running_witness, start
from tests.tamper.sealed_log import ORIGIN, Signer
from vigie.checkpoint import checkpoint_text, signed_note
from vigie.merkle import tree_root
from vigie.verify import EMPTY_ROOT, has_cosigned, parse_checkpoint


@pytest.fixture
def log() -> SignedLog:
    return SignedLog(branch="other")


@pytest.fixture
def witness(tmp_path: Path, log: SignedLog) -> Iterator[RunningWitness]:
    with running_witness(tmp_path / "witness", log.keys()) as running:
        yield running


def cosigned(witness: RunningWitness, log: SignedLog, old: int, size: int) -> str:
    """Send an honest request; the line, which is right."""
    leaves = log.leaves(size)
    status, line, _ = witness.ask(log.request(old, leaves))
    assert status == 200, line
    assert has_cosigned(parse_checkpoint(log.note(leaves) + line), witness.key)
    return line


def test_a_log_that_grows_is_cosigned_at_each_size(witness: RunningWitness, log: SignedLog) -> None:
    old = 0
    for size in (0, 1, 2, 7, 7, 8, 64, 65, 300):
        cosigned(witness, log, old, size)
        old = size
    status, note, _ = witness.ask(b"", "GET", f"/{sha256(ORIGIN.encode()).hexdigest()}/checkpoint")
    assert status == 200
    assert has_cosigned(parse_checkpoint(note), witness.key)
    assert parse_checkpoint(note).size == 300


def test_another_history_of_any_size_is_refused_and_kept_as_evidence(witness: RunningWitness, log: SignedLog) -> None:
    cosigned(witness, log, 0, 20)
    for size, forked_at, expected in ((20, 19, 422), (20, 0, 422), (21, 19, 422), (40, 0, 422)):
        leaves = log.leaves(size, forked_at)
        assert witness.ask(log.request(20, leaves))[0] == expected
        assert witness.ask(request(20, [], log.note(leaves)))[0] == 422
    assert len(list((witness.home / "evidence").iterdir())) == 4
    cosigned(witness, log, 20, 21)


def test_a_smaller_log_is_refused(witness: RunningWitness, log: SignedLog) -> None:
    cosigned(witness, log, 0, 20)
    assert witness.ask(log.request(0, log.leaves(10)))[:2] == (409, "20\n")
    assert witness.ask(log.request(10, log.leaves(10)))[:2] == (409, "20\n")
    assert witness.ask(request(20, [], log.note(log.leaves(10))))[0] == 400
    assert witness.ask(log.request(0, []))[:2] == (409, "20\n")


def test_a_log_that_does_not_know_is_told_the_size(witness: RunningWitness, log: SignedLog) -> None:
    assert witness.ask(log.request(5, log.leaves(9))) == (409, "0\n", "text/x.tlog.size")
    cosigned(witness, log, 0, 9)
    assert witness.ask(log.request(0, log.leaves(12))) == (409, "9\n", "text/x.tlog.size")


def test_proofs_where_none_belongs_and_wrong_ones_are_refused(witness: RunningWitness, log: SignedLog) -> None:
    leaves = log.leaves(9)
    assert witness.ask(request(0, [bytes(32)], log.note(leaves)))[0] == 422
    cosigned(witness, log, 0, 5)
    assert witness.ask(request(5, [], log.note(leaves)))[0] == 422
    assert witness.ask(request(5, [bytes(32)] * 3, log.note(leaves)))[0] == 422
    assert witness.ask(request(5, [bytes(32)], log.note(log.leaves(5))))[0] == 422


def test_an_empty_log_has_the_root_of_nothing(witness: RunningWitness, log: SignedLog) -> None:
    text = checkpoint_text(ORIGIN, 0, bytes(32))
    assert witness.ask(request(0, [], signed_note(text, log.signer.der, log.signer.sign(text))))[0] == 422
    text = checkpoint_text(ORIGIN, 0, EMPTY_ROOT)
    assert witness.ask(request(0, [], signed_note(text, log.signer.der, log.signer.sign(text))))[0] == 200


def test_unknown_logs_and_keys_are_refused(witness: RunningWitness, log: SignedLog) -> None:
    other = SignedLog(origin="vigie.example/other")
    assert witness.ask(other.request(0, other.leaves(3)))[0] == 404
    thief = SignedLog()
    assert witness.ask(thief.request(0, thief.leaves(3)))[0] == 403
    text = checkpoint_text(ORIGIN, 3, tree_root(log.leaves(3)))
    forged = signed_note(text, log.signer.der, Signer().sign(text))
    assert witness.ask(request(0, [], forged))[0] == 403
    # A right signature does not make up for a wrong one under a known key.
    both = log.note(log.leaves(3)) + forged.rpartition("\n\n")[2]
    assert witness.ask(request(0, [], both))[0] == 403
    # One under an unknown key is nobody's business.
    stranger = log.note(log.leaves(3)) + thief.note(log.leaves(3)).rpartition("\n\n")[2]
    assert witness.ask(request(0, [], stranger))[0] == 200
    assert "witness.example" in witness.ask(b"", "GET", f"/{sha256(ORIGIN.encode()).hexdigest()}/checkpoint")[1]


def test_one_of_the_log_s_keys_is_enough(tmp_path: Path, log: SignedLog) -> None:
    for number, key in enumerate(log.keys()):
        with running_witness(tmp_path / str(number), [key]) as alone:
            cosigned(alone, log, 0, 4)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\n\n", b"old 0", b"old 0\n", b"old 0\n\n", b"old 00\n\nx", b"old -1\n\nx", b"old 1e3\n\nx", b"old\n\nx",
        b"OLD 0\n\nx", b"old 0\nnot base64\n\nx", b"old 0\nAAAA\n\nx", b"\xff\xfe", b"old 99999999999999999999\n\nx",
        b"{}", b"old 0\n\n" + "vigie.example/audit\n3\nAAAA\n\n— x AAAAAAAA\n".encode(),
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused(witness: RunningWitness, body: bytes) -> None:
    assert witness.ask(body)[0] == 400


def test_too_many_hashes_and_too_many_bytes_are_refused(witness: RunningWitness, log: SignedLog) -> None:
    assert witness.ask(request(0, [bytes(32)] * 64, log.note(log.leaves(3))))[0] == 400
    assert witness.ask(b"x" * ((1 << 16) + 1))[0] == 413
    assert witness.ask(log.request(0, log.leaves(3)), path="/")[0] == 404
    assert witness.ask(b"", "GET", "/")[0] == 404
    assert witness.ask(b"", "GET", f"/{'0' * 64}/checkpoint")[0] == 404
    connection = http.client.HTTPConnection("127.0.0.1", witness.port, timeout=10)
    connection.putrequest("POST", "/add-checkpoint")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    assert connection.getresponse().status == 411
    connection.close()
    cosigned(witness, log, 0, 3)


def test_one_that_says_nothing_keeps_nobody_waiting(witness: RunningWitness, log: SignedLog) -> None:
    with socket.create_connection(("127.0.0.1", witness.port)) as silent:
        silent.sendall(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 50\r\n\r\nold")
        cosigned(witness, log, 0, 3)


def test_connections_are_kept(witness: RunningWitness, log: SignedLog) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", witness.port, timeout=10)
    for old, size in ((0, 3), (3, 5), (2, 6)):
        connection.request("POST", "/add-checkpoint", log.request(old, log.leaves(size)))
        answer = connection.getresponse()
        answer.read()
        assert answer.status == (409 if old == 2 else 200)
        assert answer.getheader("Connection") is None
    connection.close()


def test_what_was_cosigned_is_known_after_a_kill(tmp_path: Path, log: SignedLog) -> None:
    home = tmp_path / "witness"
    size = 0
    for number in range(4):
        witness = start(home, log.keys())
        if size:
            assert witness.ask(log.request(size, log.leaves(size + 1, 0)))[0] == 422
            assert witness.ask(log.request(0, log.leaves(size)))[:2] == (409, f"{size}\n")
        cosigned(witness, log, size, size + 3 + number)
        size += 3 + number
        witness.kill()
    assert (home / "key").stat().st_mode & 0o777 == 0o600
    assert home.stat().st_mode & 0o077 == 0


def test_killed_at_any_moment_it_never_cosigns_two_histories(tmp_path: Path, log: SignedLog) -> None:
    """What it cosigned before it was killed is what it continues, at each of many moments."""
    home, size = tmp_path / "witness", 0
    for _ in range(6):
        witness = start(home, log.keys())
        done: list[int] = []

        def grow(running: RunningWitness, size: int, done: list[int]) -> None:
            try:
                while True:
                    status, said, _ = running.ask(log.request(size, log.leaves(size + 1)))
                    size = int(said) if status == 409 else size + 1
                    done += [size] if status == 200 else []
            except (OSError, http.client.HTTPException):
                return

        thread = threading.Thread(target=grow, args=(witness, size, done))
        thread.start()
        thread.join(0.15)
        witness.kill()
        thread.join()
        kept = start(home, log.keys())
        status, said, _ = kept.ask(log.request(0, log.leaves(1)))
        size = int(said) if status == 409 else 1
        assert size >= max(done, default=0)
        assert kept.ask(log.request(size, log.leaves(size + 1, 0)))[0] == 422
        kept.kill()
    assert size > 6


def test_of_many_requests_at_once_one_history_is_cosigned(witness: RunningWitness, log: SignedLog) -> None:
    cosigned(witness, log, 0, 10)
    bodies = [log.request(10, log.leaves(11 + number % 4, 10 if number % 2 else 1 << 62)) for number in range(24)]
    answers: list[tuple[str, int]] = []

    def ask(body: bytes) -> None:
        status, _, _ = witness.ask(body)
        if status == 200:
            answers.append((parse_checkpoint(body.decode().partition("\n\n")[2]).text, status))

    threads = [threading.Thread(target=ask, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) >= 1
    assert len({text for text, _ in answers}) == 1


def _refuses_to_start(home: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "vigie_witness", "--home", str(home), "--port", "0", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert result.returncode == 2
    return result.stderr


def test_a_witness_that_forgot_what_it_cosigned_does_not_start(tmp_path: Path, log: SignedLog) -> None:
    home, arguments = tmp_path / "witness", ("--name", NAME, "--log", log.keys()[0])
    with running_witness(home, log.keys()) as witness:
        cosigned(witness, log, 0, 3)
        assert "another witness runs" in _refuses_to_start(home, *arguments)
    state = (home / "state.json").read_text(encoding="utf-8")
    for broken in ("", "[]", state[:-9], state.replace("\\n3\\n", "\\nx\\n")):
        (home / "state.json").write_text(broken, encoding="utf-8")
        assert "retire the key" in _refuses_to_start(home, *arguments), broken
    (home / "state.json").unlink()
    assert "retire the key" in _refuses_to_start(home, *arguments)
    assert not (home / "state.json").exists()


def test_bad_arguments_are_refused_with_what_to_do(tmp_path: Path, log: SignedLog) -> None:
    assert "give --log" in _refuses_to_start(tmp_path / "a", "--name", NAME)
    assert "is no witness's name" in _refuses_to_start(tmp_path / "b", "--name", "a+b", "--log", log.keys()[0])
    assert "is no witness's name" in _refuses_to_start(tmp_path / "c", "--log", log.keys()[0])
    assert "verifier key" in _refuses_to_start(tmp_path / "d", "--name", NAME, "--log", "x")
    with running_witness(tmp_path / "e", log.keys()) as witness:
        own = witness.line
    assert "a witness's key, not a log's" in _refuses_to_start(tmp_path / "e", "--log", own)
    assert "use another folder" in _refuses_to_start(tmp_path / "e", "--name", "other", "--log", log.keys()[0])
