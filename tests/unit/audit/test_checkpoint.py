"""Checkpoints: written as the community's specification says, read strictly, believed only when signed."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tests.tamper.sealed_log import ORIGIN, Signer
from vigie import checkpoint as cp

SIGNER = Signer()
ROOT = hashlib.sha256(b"root").digest()
TEXT = cp.checkpoint_text(ORIGIN, 7, ROOT, ["an extension"])
NOTE = cp.signed_note(TEXT, SIGNER.der, SIGNER.sign(TEXT))
LINE = NOTE.rpartition("\n\n")[2]


def _refusal(note: str, origin: str | None = None) -> str:
    with pytest.raises(cp.CheckpointError) as error:
        cp.check_signature(cp.parse_checkpoint(note), SIGNER.public, origin)
    return error.value.kind


def test_what_is_written_is_read_back() -> None:
    read = cp.parse_checkpoint(NOTE)
    assert (read.origin, read.size, read.root, read.extensions) == (ORIGIN, 7, ROOT, ("an extension",))
    assert read.text == TEXT
    cp.check_signature(read, SIGNER.public, ORIGIN)


def test_the_key_id_is_the_start_of_the_hash_of_the_public_key() -> None:
    assert cp.parse_checkpoint(NOTE).signatures[0].key_id == hashlib.sha256(SIGNER.der).digest()[:4]
    assert cp.verifier_key(ORIGIN, SIGNER.der).startswith(f"{ORIGIN}+{cp.key_id(SIGNER.der).hex()}+AjBZ")


@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_the_public_key_may_be_pem_or_der(encoding: serialization.Encoding) -> None:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    key = cp.load_public_key(SIGNER.private.public_key().public_bytes(encoding, form))
    assert key.key_id == SIGNER.public.key_id


@pytest.mark.parametrize("other", [ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()])
def test_keys_of_other_kinds_are_refused(other: ec.EllipticCurvePrivateKey) -> None:
    pem = other.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(ValueError, match="P-256"):
        cp.load_public_key(pem)


@pytest.mark.parametrize(
    "note",
    [
        "",
        TEXT,
        NOTE.removesuffix("\n"),
        NOTE + "\n",
        NOTE.replace("\n", "\r\n"),
        NOTE.replace("\n7\n", "\n07\n"),
        NOTE.replace("\n7\n", "\n-7\n"),
        NOTE.replace("\n7\n", "\n7 \n"),
        NOTE.replace("\n7\n", "\n٧\n"),
        NOTE.replace("\n7\n", "\n"),
        NOTE.replace("\n7\n", "\n\n7\n"),
        NOTE.replace("=\n", "\n", 1),
        NOTE.replace("\nan ext", "\nan\text"),
        NOTE.replace("— ", "- "),
        NOTE.replace("— ", "—  "),
        TEXT + "\n" + LINE * 17,
        TEXT + "\n— name AAAAAA==\n",
    ],
)
def test_a_checkpoint_that_is_not_exactly_in_form_is_refused(note: str) -> None:
    assert _refusal(note) == "malformed checkpoint"


@pytest.mark.parametrize("change", [("\n7\n", "\n8\n"), ("an ext", "An ext")])
def test_a_changed_text_is_refused(change: tuple[str, str]) -> None:
    assert _refusal(NOTE.replace(*change)) == "bad signature"


def test_another_key_is_refused_even_under_the_right_name() -> None:
    thief = Signer()
    assert _refusal(cp.signed_note(TEXT, thief.der, thief.sign(TEXT))) == "unknown key"
    assert _refusal(cp.signed_note(TEXT, SIGNER.der, thief.sign(TEXT))) == "bad signature"


def test_a_checkpoint_of_another_log_is_refused() -> None:
    assert _refusal(NOTE, "vigie.example/other") == "wrong log"


def test_signatures_of_unknown_witnesses_are_ignored_as_the_specification_demands() -> None:
    witnessed = NOTE + LINE.replace(ORIGIN, "witness.example")
    cp.check_signature(cp.parse_checkpoint(witnessed), SIGNER.public, ORIGIN)


@pytest.mark.parametrize("origin", ["", "two words", "a+b", "— a", "a\u00a0b"])
def test_an_origin_that_cannot_be_a_key_name_is_refused(origin: str) -> None:
    with pytest.raises(ValueError, match="origin"):
        cp.checkpoint_text(origin, 1, ROOT)


@pytest.mark.parametrize("between", ["", "\n", "\n\n"])
def test_several_checkpoints_can_stand_in_one_file(between: str) -> None:
    assert list(cp.split_notes(NOTE + between + NOTE)) == [NOTE, NOTE]
