"""Signs checkpoints with the log's key in KMS; the private key never leaves it."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from audit_agent.errors import SigningUnavailableError
from vigie.checkpoint import checkpoint_text, signed_note

PATIENCE = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2, "mode": "standard"})


class Signer:
    """A P-256 key in KMS, and the name of the log that it signs for."""

    def __init__(self, key: str, origin: str, client: Any = None) -> None:
        self._key = key
        self._origin = origin
        self._client = client or boto3.client("kms", config=PATIENCE)
        self._public: bytes | None = None

    def sign(self, size: int, root: bytes) -> str:
        """The signed checkpoint of a tree.

        Raises:
            SigningUnavailableError: KMS does not answer, or refuses.
        """
        text = checkpoint_text(self._origin, size, root)
        try:
            if self._public is None:
                self._public = bytes(self._client.get_public_key(KeyId=self._key)["PublicKey"])
            signed = self._client.sign(
                KeyId=self._key, Message=text.encode(), MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256"
            )
        except (ClientError, BotoCoreError) as error:
            raise SigningUnavailableError(f"key {self._key} cannot sign now: {type(error).__name__}") from error
        return signed_note(text, self._public, bytes(signed["Signature"]))
