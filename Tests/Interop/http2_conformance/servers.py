"""The two servers that every case runs against: Docket's collector, and nghttpd, which is built on the same library."""

import contextlib
import socket
import ssl
import struct
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from collector import Collector, free_port
from events import event, request

if TYPE_CHECKING:
    from http2_conformance.connection import Answer

Field = tuple[bytes, bytes]

START_DEADLINE_SECONDS = 30


class Server(Protocol):
    """What a case needs to know of a server."""

    name: str
    # The fields of a request that is served, and what its DATA holds.
    fields: list[Field]
    body: bytes
    # How long the body of its answer is: some octets.
    answer_length: int
    # A request whose answer is long.
    long_fields: list[Field]
    long_body: bytes

    def connect(self, timeout: float, tls: ssl.SSLContext | None = None) -> socket.socket:
        """A new connection, after TLS if there is any, which a client of another kind may be chosen for."""

    def body_of(self, length: int) -> bytes:
        """A body of that length for a request that is served."""

    def upload(self, length: int) -> tuple[list[Field], bytes]:
        """The fields and the body of a request that is served, although it is longer than that."""

    def has_served(self, answer: "Answer") -> bool:
        """Whether that is the answer to a request which was understood."""


def dial(address: tuple[str, int], timeout: float, tls: ssl.SSLContext | None) -> socket.socket:
    plain = socket.create_connection(address, timeout=timeout)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls is None:
        return plain
    try:
        return tls.wrap_socket(plain, server_hostname="localhost")
    except BaseException:
        plain.close()
        raise


def client_context(authority: Path, protocols: tuple[str, ...] = ("h2",)) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


def framed(message: bytes) -> bytes:
    """A gRPC message behind its prefix."""
    return struct.pack(">BI", 0, len(message)) + message


def length_delimited(number: int, value: bytes) -> bytes:
    """A protobuf field whose length takes three octets."""
    size = len(value)
    return bytes([number << 3 | 2, size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14]) + value


class Docket:
    """A collector. `grpc.health.v1.Health` asks for no credential, so its Check is what most cases call."""

    name = "Docket"
    body = framed(b"")
    # SERVING, and the prefix before it.
    answer_length = 7

    def __init__(self, collector: Collector, tls: ssl.SSLContext | None = None):
        self.collector = collector
        self._tls = tls
        self.fields = self._fields(b"/grpc.health.v1.Health/Check")
        # Descriptors are the longest answers that need no credential.
        self.long_fields = self._fields(b"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
        symbol = b"docket.v1.CollectorService"
        self.long_body = framed(bytes([4 << 3 | 2, len(symbol)]) + symbol)

    def _fields(self, path: bytes) -> list[Field]:
        return [
            (b":method", b"POST"),
            (b":scheme", b"https" if self._tls else b"http"),
            (b":path", path),
            (b":authority", self.collector.address.encode()),
            (b"content-type", b"application/grpc"),
            (b"te", b"trailers"),
        ]

    def connect(self, timeout: float, tls: ssl.SSLContext | None = None) -> socket.socket:
        return dial(self.collector.host_and_port, timeout, tls or self._tls)

    def body_of(self, length: int) -> bytes:
        # A field that HealthCheckRequest doesn't know.
        return framed(length_delimited(15, bytes(length - 5 - 4)))

    def upload(self, length: int) -> tuple[list[Field], bytes]:
        batch = request(event(reason="r" * 8000) for _ in range(length // 8000 + 1))
        token = (b"authorization", f"Bearer {self.collector.token}".encode())
        return [*self._fields(b"/docket.v1.CollectorService/Publish"), token], framed(batch.SerializeToString())

    def has_served(self, answer: "Answer") -> bool:
        return (b":status", b"200") in answer.blocks[0] and (b"grpc-status", b"0") in answer.blocks[-1]


class Nghttpd:
    """nghttpd with a folder of two files, on a port of its own."""

    name = "nghttpd"
    _content = b"Served by nghttpd.\n"
    body = b"What is asked."
    answer_length = len(_content)
    long_body = body

    def __init__(self, folder: Path, key_and_certificate: tuple[Path, Path] | None = None,
                 tls: ssl.SSLContext | None = None):  # fmt: skip
        self._tls = tls
        self._log = folder / "nghttpd.log"
        documents = folder / "documents"
        documents.mkdir()
        (documents / "answer").write_bytes(self._content)
        (documents / "long").write_bytes(bytes(100_000))
        self.process, self._port = self._start(documents, key_and_certificate)
        self.fields = self._fields(b"/answer")
        self.long_fields = self._fields(b"/long")

    def _start(
        self, documents: Path, key_and_certificate: tuple[Path, Path] | None
    ) -> tuple[subprocess.Popen[bytes], int]:
        for _ in range(5):
            port = free_port()
            plain_or_tls = [port, *key_and_certificate] if key_and_certificate else ["--no-tls", port]
            with self._log.open("wb") as log:
                process = subprocess.Popen(
                    ["nghttpd", "--address=127.0.0.1", f"--htdocs={documents}", *map(str, plain_or_tls)],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                )  # fmt: skip
            if self._listens(process, port):
                return process, port
        raise AssertionError(f"nghttpd can't be started: {self._log.read_text()}")

    def _listens(self, process: subprocess.Popen[bytes], port: int) -> bool:
        """Waits until it does; `False` when it has ended, for example because somebody else was given the port."""
        deadline = time.monotonic() + START_DEADLINE_SECONDS
        while process.poll() is None:
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                return process.poll() is None
            assert time.monotonic() < deadline, f"nghttpd listens to nobody: {self._log.read_text()}"
            time.sleep(0.02)
        return False

    def _fields(self, path: bytes) -> list[Field]:
        return [
            (b":method", b"POST"),
            (b":scheme", b"https" if self._tls else b"http"),
            (b":path", path),
            (b":authority", f"127.0.0.1:{self._port}".encode()),
            (b"te", b"trailers"),
        ]

    def connect(self, timeout: float, tls: ssl.SSLContext | None = None) -> socket.socket:
        return dial(("127.0.0.1", self._port), timeout, tls or self._tls)

    def body_of(self, length: int) -> bytes:
        return bytes(length)

    def upload(self, length: int) -> tuple[list[Field], bytes]:
        return self.fields, bytes(length + 1)

    def has_served(self, answer: "Answer") -> bool:
        return (b":status", b"200") in answer.blocks[0] and answer.body in (self._content, bytes(100_000))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(START_DEADLINE_SECONDS)
