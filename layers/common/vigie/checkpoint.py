"""Write the signed checkpoints of the audit trail; `vigie.verify` reads and checks them.

Form: c2sp.org/tlog-checkpoint inside c2sp.org/signed-note, signature type 0x02 (ECDSA on P-256 with SHA-256,
ASN.1 DER, as KMS returns it), key ID = first four bytes of SHA-256 of the public key's SPKI DER.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from vigie.verify import (
    Checkpoint,
    CheckpointError,
    PublicKey,
    check_signature,
    key_id,
    load_public_key,
    parse_checkpoint,
    split_notes,
)

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "PublicKey",
    "check_signature",
    "checkpoint_text",
    "key_id",
    "load_public_key",
    "parse_checkpoint",
    "signed_note",
    "split_notes",
    "verifier_key",
]

SIGNATURE_TYPE_ECDSA = b"\x02"


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


def signed_note(text: str, public_key_der: bytes, signature_der: bytes) -> str:
    """The checkpoint: the text, an empty line and the log's signature line. The key's name is the origin.

    `public_key_der` is KMS GetPublicKey's `PublicKey`, `signature_der` KMS Sign's `Signature`.
    """
    name = text.split("\n", 1)[0]
    blob = base64.b64encode(key_id(public_key_der) + signature_der).decode()
    note = f"{text}\n— {name} {blob}\n"
    parse_checkpoint(note)
    return note


def verifier_key(name: str, public_key_der: bytes) -> str:
    """The key as one line, as transparency-log tools want it: name+hex(key ID)+base64(0x02 || SPKI)."""
    material = base64.b64encode(SIGNATURE_TYPE_ECDSA + public_key_der).decode()
    return f"{name}+{key_id(public_key_der).hex()}+{material}"
