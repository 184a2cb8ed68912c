"""Sign with Ed25519, and keep the audit log's keys when LocalStack stops.

Works around: LocalStack's key service refuses keys of the kind ECC_NIST_EDWARDS25519, which AWS has, and forgets every
key when it stops: the log would have another key after each restart, which an auditor has to take for a forgery.
Here a key that its tag `vigie:kept-as` names is read from a file of that name, or written there when it is made. On
AWS the tag means nothing, and no key can be read.
Tested by: tests/integration/localstack/test_patches.py, on a running LocalStack.
Can go: when LocalStack knows Ed25519 and keeps keys.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

TAG = "vigie:kept-as"
FOLDER_VARIABLE = "VIGIE_KEPT_KEYS"
ED25519_SPEC, ED25519_ALGORITHM = "ECC_NIST_EDWARDS25519", "ED25519_SHA_512"


def key_material(request: Mapping[str, Any]) -> bytes | None:
    """The private key to make a key of, PKCS8 DER; None where LocalStack may make any."""
    names = [tag["TagValue"] for tag in request.get("Tags") or [] if tag["TagKey"] == TAG]
    folder = os.environ.get(FOLDER_VARIABLE)
    if names and folder and re.fullmatch(r"[a-z0-9-]+", names[0]):
        path = Path(folder) / names[0]
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
                file.write(_new_key(request["KeySpec"]))
            Path(file.name).replace(path)
        material: bytes = path.read_bytes()
        return material
    return _new_key(ED25519_SPEC) if request.get("KeySpec") == ED25519_SPEC else None


def _new_key(spec: str) -> bytes:
    form = (Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    if spec == ED25519_SPEC:
        return ed25519.Ed25519PrivateKey.generate().private_bytes(*form)
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(*form)


def install() -> None:
    """Give the key service Ed25519, and the files of kept keys."""
    from localstack.services.kms import models, provider

    vars(models)["ECC_CURVES"][ED25519_SPEC] = None
    original_material, original_sign = vars(provider)["get_custom_key_material"], models.KmsKey.sign

    def material(request: Any) -> Any:
        return original_material(request) or key_material(request or {})

    def sign(self: Any, data: bytes, message_type: Any, signing_algorithm: Any) -> Any:
        if signing_algorithm == ED25519_ALGORITHM and message_type == "RAW":
            return self.crypto_key.key.sign(data)
        return original_sign(self, data, message_type, signing_algorithm)

    vars(provider)["get_custom_key_material"] = material
    setattr(models.KmsKey, "sign", sign)  # noqa: B010
