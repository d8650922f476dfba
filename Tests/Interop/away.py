"""A collector that keeps the registry on disk, and a PostgreSQL that goes away."""

import os
import subprocess
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import grpc
from docket.v1.collector_pb2 import PublishResponse
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub

from client import CHANNEL_OPTIONS, TIMEOUT_SECONDS, Client, failure
from cluster import Cluster
from collector import BINARY, Collector
from events import event, request
from private_postgres import PrivatePostgres

NAME = "a"
HEALTH_MILLISECONDS = 1500
DEADLINE_SECONDS = 60


class Away:
    """A collector with the registry on disk, and the server that goes away."""

    def __init__(self, folder: Path):
        self.snapshot = folder / "registry"
        self.cluster = Cluster(
            NAME, flags=("--registry-snapshot", str(self.snapshot)),
            environment={"DOCKET_HEALTH_UNAVAILABLE_AFTER_MS": str(HEALTH_MILLISECONDS)},
        )  # fmt: skip

    @property
    def postgres(self) -> PrivatePostgres:
        return self.cluster.postgres

    @property
    def collector(self) -> Collector:
        return self.cluster.collectors[NAME]

    def client(self, token: str | None = None) -> Client:
        return Client(self.collector.address, token or self.cluster.token)

    def leave(self) -> None:
        """The collector stops, and then PostgreSQL."""
        assert self.collector.stop() == 0, self.collector.log()
        self.postgres.crash()

    def start(self) -> None:
        self.cluster.start(NAME)

    def start_failing(self) -> tuple[int, str]:
        """How a collector ends that can't start, and what it says of that."""
        environment = {
            **os.environ,
            "DOCKET_POSTGRES_WRITER": self.postgres.conninfo("docket_writer", NAME),
            "DOCKET_POSTGRES_READER": self.postgres.conninfo("docket_reader", NAME),
        }
        ended = subprocess.run(
            [BINARY, "serve", "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--registry-snapshot",
             self.snapshot],
            check=False, env=environment, capture_output=True, text=True, timeout=DEADLINE_SECONDS,
        )  # fmt: skip
        return ended.returncode, ended.stdout + ended.stderr

    def readiness(self) -> tuple[int, str]:
        """What /readyz says."""
        try:
            with urlopen(f"http://{self.collector.ready['http']}/readyz", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()

    def health(self) -> int:
        stub = HealthStub(grpc.insecure_channel(self.collector.address, CHANNEL_OPTIONS))
        return stub.Check(HealthCheckRequest(), timeout=TIMEOUT_SECONDS).status

    def publish(self, token: str | None = None) -> PublishResponse:
        with self.client(token) as client:
            return client.publish(request([event()]))

    def refusal(self, token: str | None = None) -> grpc.RpcError:
        """What a publish is refused with."""
        return failure(self.publish, token)
