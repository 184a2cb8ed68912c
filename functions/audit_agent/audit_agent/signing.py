"""Signs checkpoints with the log's keys in KMS; the private keys never leave it."""

from typing import Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from audit_agent.errors import SigningUnavailableError
from vigie.checkpoint import checkpoint_text, ed25519_signature, signed_note

# An Ed25519 key ends its SPKI DER.
ED25519_BYTES = 32
PATIENCE = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2, "mode": "standard"})


class Signer:
    """A P-256 key in KMS, the name of the log that it signs for, and an Ed25519 key that other people's tools read."""

    def __init__(self, key: str, origin: str, client: Any = None, ed25519_key: str = "") -> None:
        self._key = key
        self._ed25519_key = ed25519_key
        self._origin = origin
        self._client = client or boto3.client("kms", config=PATIENCE)
        self._public: dict[str, bytes] = {}

    def sign(self, size: int, root: bytes) -> str:
        """The signed checkpoint of a tree.

        Raises:
            SigningUnavailableError: KMS does not answer, or refuses.
        """
        text = checkpoint_text(self._origin, size, root)
        public, signature = self._sign(self._key, text, "ECDSA_SHA_256")
        others = []
        if self._ed25519_key:
            der, other = self._sign(self._ed25519_key, text, "ED25519_SHA_512")
            others.append(ed25519_signature(text, der[-ED25519_BYTES:], other))
        return signed_note(text, public, signature, *others)

    def _sign(self, key: str, text: str, algorithm: Literal["ECDSA_SHA_256", "ED25519_SHA_512"]) -> tuple[bytes, bytes]:
        """The public key, SPKI DER, and the signature."""
        try:
            if key not in self._public:
                self._public[key] = bytes(self._client.get_public_key(KeyId=key)["PublicKey"])
            signed = self._client.sign(KeyId=key, Message=text.encode(), MessageType="RAW", SigningAlgorithm=algorithm)
        except (ClientError, BotoCoreError) as error:
            raise SigningUnavailableError(f"key {key} cannot sign now: {type(error).__name__}") from error
        return self._public[key], bytes(signed["Signature"])
