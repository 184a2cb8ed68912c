"""The certificate of a database that runs in a container of its own, signed by itself and trusted by name."""

from __future__ import annotations

import datetime
from pathlib import Path

from vigie_operations.private_files import write_private

CERTIFICATE, KEY = "database.crt", "database.key"
_DAYS = 3650


def make_certificate(private: Path, host: str) -> None:
    """Make certificate and key for a host's name; keep those that exist."""
    if (private / CERTIFICATE).exists():
        return
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private(private / KEY, private_pem.decode())
    write_private(private / CERTIFICATE, certificate.public_bytes(Encoding.PEM).decode())
