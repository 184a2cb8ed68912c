"""A corporate network on loopback: a certificate authority of its own, a TLS server, and a proxy that may refuse."""

import base64
import datetime
import ipaddress
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.unit.llm.conftest import completion

DAY = datetime.timedelta(days=1)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: str, issuer: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name(issuer)).public_key(key)
        .serial_number(x509.random_serial_number()).not_valid_before(now - DAY).not_valid_after(now + DAY)
    )  # fmt: skip


@dataclass
class Authority:
    """A self-made certificate authority."""

    name: str = "Bank Root"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def pem(self) -> str:
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        built = _builder(self.name, self.name, self.key.public_key()).add_extension(constraints, critical=True)
        return built.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def server_files(self, folder: Path, *names: str) -> tuple[Path, Path]:
        """Certificate and key of a server with these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        hosts: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        hosts.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        built = _builder(names[0], self.name, key.public_key())
        built = built.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        certificate, private = folder / f"{names[0]}.pem", folder / f"{names[0]}.key"
        certificate.write_bytes(built.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate, private


class Quiet(ThreadingHTTPServer):
    """A server whose clients may go away."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@contextmanager
def serving(handler: type[BaseRequestHandler], context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server on a free port of loopback; yields the port."""
    server = Quiet(("127.0.0.1", 0), handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Model(BaseHTTPRequestHandler):
    """A server that answers every question."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body = completion()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        pass


@contextmanager
def tls_model(authority: Authority, folder: Path, *names: str) -> Iterator[int]:
    """A model behind TLS, with a certificate of this authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.server_files(folder, *names))
    with serving(Model, context) as port:
        yield port


@contextmanager
def tls_front(authority: Authority, folder: Path, to: int, *names: str) -> Iterator[int]:
    """TLS before a server on this machine that speaks none."""

    class Front(BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", to), timeout=5) as upstream:
                _pass_on(self.request, upstream)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.server_files(folder, *names))
    with serving(Front, context) as port:
        yield port


@dataclass
class Proxy:
    """A proxy that knows where every name is; `password` is what it wants, `status` what it answers instead."""

    to: int
    password: str = ""
    status: int = 200
    asked: list[str] = field(default_factory=list)
    port: int = 0

    def refusal(self, given: str | None) -> int | None:
        """The status it refuses with."""
        wanted = "Basic " + base64.b64encode(f"user:{self.password}".encode()).decode()
        if self.password and given != wanted:
            return 407
        return self.status if self.status != 200 else None


@contextmanager
def proxying(proxy: Proxy) -> Iterator[Proxy]:
    """Run a proxy: tunnels for `CONNECT`, and plain requests passed on."""

    class Handler(Model):
        def do_CONNECT(self) -> None:
            proxy.asked.append(self.path)
            refused = proxy.refusal(self.headers["proxy-authorization"])
            if refused:
                self.send_response(refused)
                self.send_header("content-length", "0")
                self.end_headers()
                return
            self.send_response(200)
            self.end_headers()
            with socket.create_connection(("127.0.0.1", proxy.to), timeout=5) as upstream:
                _pass_on(self.connection, upstream)
            self.close_connection = True

        def do_POST(self) -> None:
            proxy.asked.append(self.path)
            refused = proxy.refusal(self.headers["proxy-authorization"])
            if not refused:
                return super().do_POST()
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(refused)
            self.send_header("content-length", "0")
            self.end_headers()

    with serving(Handler) as proxy.port:
        yield proxy


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while True:
            ready, _, _ = select.select([one, other], [], [], 10)
            for side in ready:
                data = side.recv(65536)
                if not data:
                    return
                (other if side is one else one).sendall(data)
            if not ready:
                return
