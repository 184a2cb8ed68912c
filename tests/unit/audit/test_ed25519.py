"""Ed25519 as the verifier checks it: RFC 8032's own vectors, and a library that shares no code with it."""

from __future__ import annotations

from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vigie.verify import COSIGNATURE, ED25519, format_verifier_key, parse_verifier_key, verify_ed25519

# RFC 8032, section 7.1: public key, message, signature.
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
]
ORDER = 2**252 + 27742317777372353535851937790883648493
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_the_rfc_s_own_signatures_are_right_and_any_changed_bit_is_not(
    public: str, message: str, signature: str
) -> None:
    key, text, signed = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)
    assert verify_ed25519(key, text, signed)
    assert not verify_ed25519(key, text + b"\0", signed)
    for bit in (0, 7, 255, 256, 300, 511):
        changed = (int.from_bytes(signed, "little") ^ 1 << bit).to_bytes(64, "little")
        assert not verify_ed25519(key, text, changed)


def test_another_library_s_signatures_are_right() -> None:
    random = Random(1)
    for _ in range(50):
        key, text = Ed25519PrivateKey.from_private_bytes(random.randbytes(32)), random.randbytes(random.randrange(200))
        assert verify_ed25519(key.public_key().public_bytes_raw(), text, key.sign(text))


def test_a_signature_cannot_be_written_in_a_second_way() -> None:
    signed = KEY.sign(b"x")
    scalar = int.from_bytes(signed[32:], "little") + ORDER
    assert not verify_ed25519(PUBLIC, b"x", signed[:32] + scalar.to_bytes(32, "little"))
    assert not verify_ed25519(PUBLIC, b"x", signed + b"\0")
    assert not verify_ed25519(PUBLIC, b"x", signed[:-1])


# y = 1, y = -1, y = 0, and y = 1 written as p + 1: points under which one signature fits every message.
@pytest.mark.parametrize("weak", [1, 2**255 - 20, 0, 2**255 - 18])
def test_a_key_under_which_anybody_can_sign_is_no_key(weak: int) -> None:
    public = weak.to_bytes(32, "little")
    assert not verify_ed25519(public, b"x", (1).to_bytes(32, "little") + bytes(32))
    with pytest.raises(ValueError, match="anybody can sign"):
        parse_verifier_key(format_verifier_key("w", COSIGNATURE, public))


def test_a_verifier_key_is_read_back_and_an_altered_one_is_refused() -> None:
    line = format_verifier_key("witness.example/w1", COSIGNATURE, PUBLIC)
    read = parse_verifier_key(line)
    assert (read.name, read.kind, read.key) == ("witness.example/w1", COSIGNATURE, PUBLIC)
    for wrong in (line.replace("w1", "w2"), line[:-4] + "AAA=", line + "\n", "", "w+0+x", line.replace("+", " ", 1)):
        with pytest.raises(ValueError, match="verifier key"):
            parse_verifier_key(wrong)
    assert parse_verifier_key(format_verifier_key("log", ED25519, PUBLIC)).key_id != read.key_id
