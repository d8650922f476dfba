"""Several collectors on one PostgreSQL, each with addresses that it keeps when it is started again."""

import os
import subprocess
from pathlib import Path

from collector import BINARY, Collector, free_port
from events import KNOWN_TYPE
from private_postgres import PrivatePostgres


class Cluster:
    """Collectors by name, a token that may publish and query, and the server that they share."""

    def __init__(
        self,
        *names: str,
        flags: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
        postgres: PrivatePostgres | None = None,
    ):
        """Starts all of them, with these flags and with this in their environment, on a server of their own unless one is
        given."""
        self.postgres = postgres or PrivatePostgres()
        self.collectors: dict[str, Collector] = {}
        self._flags, self._environment = flags, environment or {}
        self._addresses = {name: (f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}") for name in names}
        try:
            self.docket("migrate")
            self.docket("event-type", "add", KNOWN_TYPE)
            self.token = self.docket("token", "add", "--scope", "publish", "--scope", "query").strip()
            for name in names:
                self.start(name)
        except BaseException:
            self.delete()
            raise

    def addresses(self, name: str) -> tuple[str, str]:
        """Where a collector serves gRPC, and where its pages: host and port of each."""
        return self._addresses[name]

    def start(self, name: str) -> None:
        """Starts a collector, for the first time or again."""
        before = self.collectors.get(name)
        grpc, http = self._addresses[name]
        connections = {
            f"DOCKET_POSTGRES_{role.upper()}": self.postgres.conninfo(f"docket_{role}", name)
            for role in ("writer", "reader", "maintainer")
        }
        self.collectors[name] = Collector(
            "--listen", grpc, "--http-listen", http, *self._flags, folder=before.folder if before else None,
            command=("serve",), environment={**connections, **self._environment},
        )  # fmt: skip
        # What `docket dev` says of itself.
        maintainer = {"maintainer": self.postgres.conninfo("docket_maintainer")}
        self.collectors[name].ready |= {"token": self.token, "conninfo": maintainer}

    def sql(self, statement: str, timeout: float = 60) -> list[list[str]]:
        """The rows of a statement that the maintainer, who sees everything, runs."""
        return next(iter(self.collectors.values())).sql(statement, timeout=timeout)

    def docket(self, *arguments: str) -> str:
        """What a command of docket prints."""
        administration = {
            "DOCKET_POSTGRES_ADMIN": self.postgres.conninfo("postgres"),
            "DOCKET_POSTGRES_MAINTAINER": self.postgres.conninfo("docket_maintainer"),
        }
        ended = subprocess.run(
            [BINARY, *arguments], check=False, env={**os.environ, **administration}, capture_output=True, text=True,
            timeout=120,
        )  # fmt: skip
        assert ended.returncode == 0, f"docket {' '.join(arguments)}: {ended.stdout}{ended.stderr}"
        return ended.stdout

    def superuser_sql(self, statement: str, database: str = "docket") -> None:
        """Runs a statement as the superuser."""
        subprocess.run(
            ["psql", self.postgres.conninfo("postgres", database=database), "--no-psqlrc", "--quiet",
             "--set=ON_ERROR_STOP=1", "--command", statement],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip

    def log(self) -> str:
        """The end of what each has logged."""
        return "\n".join(f"{name}:\n{running.log()}" for name, running in self.collectors.items())

    def stop(self) -> None:
        """Ends everything in order, and leaves the server's data."""
        try:
            for collector in self.collectors.values():
                collector.stop()
                collector.delete_folder()
        finally:
            self.postgres.stop()

    def delete(self) -> None:
        """Ends everything and deletes it."""
        for collector in self.collectors.values():
            if collector.process.poll() is None:
                collector.kill()
            collector.delete_folder()
        self.postgres.delete()
