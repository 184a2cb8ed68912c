"""An authority of the tests' own, and TLS in front of a PostgreSQL whose build has none."""

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


@dataclass(frozen=True)
class Authority:
    """Signs certificates; `pem` is its own."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def pem(self) -> str:
        name = _name("authority of a test")
        signed = _sign(name, name, self.key.public_key(), self.key, x509.BasicConstraints(ca=True, path_length=None))
        return signed.public_bytes(Encoding.PEM).decode()

    def context(self, folder: Path, host: str, days_left: int = 5) -> ssl.SSLContext:
        """A server's certificate for a name or an address, and its key; both are written to a folder."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            known: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            known = x509.DNSName(host)
        names = x509.SubjectAlternativeName([known])
        signed = _sign(_name(host), _name("authority of a test"), key.public_key(), self.key, names, days_left)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        pem = folder / f"server-{host}.pem"
        pem.write_bytes(private + signed.public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return context


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _sign(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, key: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType, days_left: int = 5,
) -> x509.Certificate:  # fmt: skip
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder(issuer, subject, public, x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=9))
        .not_valid_after(now + datetime.timedelta(days=days_left))
        .add_extension(extension, critical=False)
        .sign(key, hashes.SHA256())
    )


class Front:
    """Stands between clients and a PostgreSQL: answers what a client asks for, TLS or not, and passes all on.

    `in_clear` counts the connections on which a client went on without encryption.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self.context: ssl.SSLContext | None = None
        self.in_clear = self.encrypted = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as closing:
            closing.callback(client.close)
            first = client.recv(8, socket.MSG_WAITALL)
            if first == SSL_REQUEST:
                client.sendall(b"S" if self.context else b"N")
                first = b""
                if self.context:
                    client = closing.enter_context(self.context.wrap_socket(client, server_side=True))
                    self.encrypted += 1
            if not isinstance(client, ssl.SSLSocket):
                first = first or client.recv(8)
                self.in_clear += bool(first)
            server = closing.enter_context(socket.create_connection(("127.0.0.1", self._to)))
            server.sendall(first)
            threading.Thread(target=_pass_on, args=(server, client), daemon=True).start()
            _pass_on(client, server)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
