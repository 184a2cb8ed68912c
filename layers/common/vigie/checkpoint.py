"""Write the signed checkpoints of the audit trail; `vigie.verify` reads and checks them.

Form: c2sp.org/tlog-checkpoint inside c2sp.org/signed-note. Signature type 0x02 is ECDSA on P-256 with SHA-256, ASN.1
DER, as KMS returns it; its key ID is the first four bytes of SHA-256 of the public key's SPKI DER. Tools of the
transparency-log community read type 0x01, Ed25519, which stands in a line of its own.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from vigie.verify import (
    ECDSA,
    ED25519,
    Checkpoint,
    CheckpointError,
    PublicKey,
    Signature,
    check_signature,
    ed25519_key_id,
    format_verifier_key,
    key_id,
    load_public_key,
    parse_checkpoint,
    parse_note,
    split_notes,
)

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "PublicKey",
    "check_signature",
    "checkpoint_text",
    "ed25519_signature",
    "key_id",
    "load_public_key",
    "parse_checkpoint",
    "signed_note",
    "split_notes",
    "verifier_key",
]


def checkpoint_text(origin: str, size: int, root: bytes, extensions: Sequence[str] = ()) -> str:
    """The text to sign, as UTF-8: origin, size and root on a line each, each ended by a newline.

    KMS: `Sign(Message=text.encode(), MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256")`. Raises ValueError
    when the origin cannot be a key name, which it also is, or the result would not be read back the same.
    """
    if not origin or "+" in origin or origin.startswith("—") or any(c.isspace() for c in origin):
        raise ValueError(f"origin {origin!r} must be one word without '+', such as 'vigie.example/audit'")
    if size < 0 or len(root) != 32:
        raise ValueError(f"size must be at least 0 and root 32 bytes, got {size} and {len(root)}")
    if any(not line or line.startswith("—") or not line.isprintable() for line in extensions):
        raise ValueError("an extension line must be printable, not empty, and not begin with a dash")
    return "\n".join([origin, str(size), base64.b64encode(root).decode(), *extensions, ""])


def signed_note(text: str, public_key_der: bytes, signature_der: bytes, *others: Signature) -> str:
    """The checkpoint: the text, an empty line and the log's signature lines. The key's name is the origin.

    `public_key_der` is KMS GetPublicKey's `PublicKey`, `signature_der` KMS Sign's `Signature`.
    """
    name = text.split("\n", 1)[0]
    lines = [Signature(name, key_id(public_key_der), signature_der), *others]
    note = f"{text}\n" + "".join(each.line() for each in lines)
    parse_note(note)
    return note


def ed25519_signature(text: str, public: bytes, signature: bytes) -> Signature:
    """The log's own line for its Ed25519 key, 32 bytes, of which KMS answers the last of the SPKI DER."""
    name = text.split("\n", 1)[0]
    return Signature(name, ed25519_key_id(name, ED25519, public), signature)


def verifier_key(name: str, public_key_der: bytes) -> str:
    """The P-256 key as one line, as transparency-log tools want it: name+hex(key ID)+base64(0x02 || SPKI)."""
    return format_verifier_key(name, ECDSA, public_key_der)
