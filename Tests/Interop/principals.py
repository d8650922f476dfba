"""A collector that lets in clients by certificates, tokens and JWTs, and what they show."""

import json
import os
import queue
import subprocess
import time
from pathlib import Path

import grpc
from docket.v1.collector_pb2 import PublishRequest, PublishResponse

from certificates import make_authority, sign
from client import Client
from collector import BINARY, Collector
from events import event, request
from waiting import eventually

AUTHORITY = "Client CA"


class Principals:
    """The collector, its authorities, and the credentials that its operator adds."""

    def __init__(self, folder: Path, *flags: str, environment: dict[str, str] | None = None):
        self.folder = folder
        self.server_authority = make_authority(folder, "Server CA")
        self.client_authority = make_authority(folder, AUTHORITY)
        certificate, key = sign(folder, self.server_authority, "server")
        self.collector = Collector(
            "--tls-certificate", str(certificate), "--tls-key", str(key), "--tls-client-ca", str(self.client_authority),
            *flags, environment=environment,
        )  # fmt: skip

    def close(self) -> None:
        code = self.collector.stop()
        assert code == 0, f"docket dev ended with code {code}:\n{self.collector.log()}"
        self.collector.delete_folder()

    def docket(self, *arguments: str, fails: bool = False) -> str:
        """What a command of docket prints: on standard error when it is to fail."""
        administration = {"DOCKET_POSTGRES_MAINTAINER": self.collector.ready["conninfo"]["maintainer"]}
        ended = subprocess.run(
            [BINARY, *arguments], check=False, env={**os.environ, **administration}, capture_output=True, text=True,
            timeout=120,
        )  # fmt: skip
        assert (ended.returncode != 0) == fails, f"docket {' '.join(arguments)}: {ended.stdout}{ended.stderr}"
        return ended.stderr if fails else ended.stdout

    def let_in(self, *flags: str) -> int:
        """Adds a credential, and returns its number once the collector knows it."""
        number = int(self.docket("credential", "add", *flags))
        self.wait_for_registry()
        return number

    def revoke(self, number: int) -> None:
        self.docket("credential", "revoke", str(number))

    def shown(self, number: int) -> dict:
        return json.loads(self.docket("credential", "show", str(number), "--json"))

    def wait_for_registry(self) -> None:
        """Until the collector has loaded what is in the database now."""
        [[version]] = self.collector.sql("SELECT version FROM docket.registry_version")
        eventually(
            lambda: self.collector.metrics().get("docket_registry_version", 0) >= int(version), self.collector.log
        )

    def certificate(self, name: str, subject: str, names: str | None = None, **options: object) -> tuple[Path, Path]:
        """A client's certificate and key."""
        authority = options.pop("authority", self.client_authority)
        return sign(self.folder, authority, name, subject, names, usage="clientAuth", **options)

    def client(
        self, files: tuple[Path, Path] | None = None, token: str | None = None, is_shared: bool = True
    ) -> Client:
        """A client with a certificate, a token, both or neither; on a connection of its own unless that is shared."""
        certificate, key = files if files else (None, None)
        credentials = grpc.ssl_channel_credentials(
            self.server_authority.read_bytes(), key.read_bytes() if key else None,
            certificate.read_bytes() if certificate else None,
        )  # fmt: skip
        options = [] if is_shared else [("grpc.use_local_subchannel_pool", 1)]
        return Client(self.collector.address, token, credentials, options)


class OpenStream:
    """A PublishStream that stays open, on which one batch after the other is published."""

    def __init__(self, client: Client):
        self._outbox: queue.SimpleQueue[PublishRequest | None] = queue.SimpleQueue()
        self.answers = client.publish_stream(iter(self._outbox.get, None))

    def publish(self, **fields: object) -> PublishResponse:
        """What a batch is answered."""
        self._outbox.put(request([event()], **fields))
        return next(self.answers)

    def ends_with(self, seconds: float) -> tuple[grpc.RpcError, float]:
        """The error that ends it when batch after batch is published, and how long that takes, at most so long."""
        since = time.monotonic()
        while time.monotonic() - since < seconds:
            try:
                assert self.publish().verdict.accepted_count == 1
            except grpc.RpcError as error:
                return error, time.monotonic() - since
        raise AssertionError(f"the stream still takes batches after {seconds} s")

    def close(self) -> None:
        self._outbox.put(None)
