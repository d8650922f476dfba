"""A PostgreSQL of its own for a test, which can be crashed and started again; and sessions that hold locks in it."""

import os
import pwd
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUPERUSER = "postgres"
ANSWER_SECONDS = 120
START_SECONDS = 300
CONFIGURATION = """
listen_addresses = ''
unix_socket_permissions = 0777
fsync = on
shared_buffers = '256MB'
max_wal_size = '4GB'
max_locks_per_transaction = 256
log_line_prefix = '%m [%p] %u %a '
log_lock_waits = on
"""


class SessionLost(Exception):
    """The server has gone, and the session with it."""


class PrivatePostgres:
    """The server. Its folder is in /tmp by default, since a Unix socket's path is at most 107 bytes."""

    def __init__(
        self, configuration: str = CONFIGURATION, parent: str | Path = "/tmp", folder: Path | None = None
    ) -> None:
        """Makes and starts it, with these lines in postgresql.conf, in a new folder of `parent`; or in `folder`, where one
        that was stopped is started again."""
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder or Path(tempfile.mkdtemp(prefix="docket-pg-", dir=parent))
        self.folder.chmod(0o755)
        self.restarts = 0
        self._data = self.folder / "data"
        self._programs = bin_folder()
        # PostgreSQL doesn't run as root.
        self._owner = pwd.getpwnam("postgres") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        if os.getuid() == 0:
            shutil.chown(self.folder, self._owner.pw_uid, self._owner.pw_gid)
        self._was_there = (self._data / "PG_VERSION").exists()
        if self._was_there:
            self.start()
            return
        try:
            self._make(configuration)
        except BaseException:
            self.delete()
            raise

    def _make(self, configuration: str) -> None:
        self._run(
            "initdb", "-D", self._data, "-U", SUPERUSER, "-E", "UTF8", "--locale=C.UTF-8", "-A", "trust", "--no-sync"
        )
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(f"{configuration}unix_socket_directories = '{self.folder}'\n")
        self.start()
        self._run("createdb", "-h", self.folder, "-U", SUPERUSER, "docket")

    @property
    def process_id(self) -> int:
        """The process that all others of the server descend from."""
        return int((self._data / "postmaster.pid").read_text().split("\n")[0])

    def conninfo(self, user: str, application: str = "test", database: str = "docket") -> str:
        """The connection string of a role; `application` is what pg_stat_activity calls the connection."""
        return f"host={self.folder} dbname={database} user={user} application_name={application}"

    def start(self) -> None:
        """Starts it and waits until it has recovered."""
        self._run(
            "pg_ctl", "start", "-w", "-s", "-t", START_SECONDS, "-D", self._data, "-l", self.folder / "postgres.log"
        )

    def stop(self) -> None:
        """Ends it in order, and leaves its data for the next start."""
        if not (self._data / "postmaster.pid").exists():
            return
        self._run("pg_ctl", "stop", "-w", "-s", "-t", START_SECONDS, "-D", self._data, "-m", "fast")

    def crash(self) -> None:
        """Ends it at once: what is in memory is gone, and the next start recovers from the log."""
        self._run("pg_ctl", "stop", "-w", "-s", "-D", self._data, "-m", "immediate")
        self.restarts += 1

    def log(self) -> str:
        """The end of what it has logged."""
        return (self.folder / "postgres.log").read_text(errors="replace")[-8000:]

    def delete(self) -> None:
        """Ends it and deletes its data, unless they were there before it."""
        if self._was_there:
            self.stop()
            return
        if (self._data / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "-w", "-s", "-D", self._data, "-m", "immediate")
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: object) -> None:
        # Not by arguments of `run`: with those it forks, and gRPC doesn't bear that beside calls of this process.
        as_owner = ["setpriv", f"--reuid={self._owner.pw_uid}", f"--regid={self._owner.pw_gid}", "--clear-groups", "--"]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
        # Output into a file: the server inherits it, and a pipe would stay open for as long as it runs.
        with tempfile.TemporaryFile() as output:
            ended = subprocess.run(
                [*(as_owner if os.getuid() == 0 else []), self._programs / program, *map(str, arguments)], check=False,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd="/", env={**clean, "LC_ALL": "C"},
                timeout=START_SECONDS + 60,
            )  # fmt: skip
            output.seek(0)
            assert ended.returncode == 0, f"{program}, {ended.returncode}: {output.read().decode(errors='replace')}"


def bin_folder() -> Path:
    """Where initdb and pg_ctl are: in PGBIN, where Debian has them (newest first), or where pg_config says."""
    candidates = [Path(os.environ["PGBIN"])] if "PGBIN" in os.environ else []
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    candidates += sorted(debian, key=lambda folder: -int(folder.parent.name) if folder.parent.name.isdigit() else 0)
    if shutil.which("pg_config"):
        found = subprocess.run(["pg_config", "--bindir"], check=True, capture_output=True, text=True)
        candidates.append(Path(found.stdout.strip()))
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    raise AssertionError("initdb and pg_ctl were not found; set PGBIN to their folder")


@contextmanager
def stopped(postgres: PrivatePostgres) -> Iterator[None]:
    """Ends the server, and starts it again."""
    postgres.crash()
    yield
    postgres.start()


@contextmanager
def frozen(postgres: PrivatePostgres) -> Iterator[None]:
    """Lets no process of the server run: connections stay, and nothing is answered."""
    found = subprocess.run(
        ["ps", "-o", "pid=", "--pid", str(postgres.process_id), "--ppid", str(postgres.process_id)], check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    processes = [int(line) for line in found.stdout.split()]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


class Session:
    """A psql that stays connected, so that it can hold a lock, and be told something while it waits for one."""

    def __init__(
        self,
        postgres: PrivatePostgres,
        user: str = SUPERUSER,
        application: str = "harness",
        database: str = "docket",
    ):
        self._psql = subprocess.Popen(
            ["psql", postgres.conninfo(user, application, database), "--no-psqlrc", "--quiet", "--no-align",
             "--tuples-only", "--field-separator=\x1f"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1,
        )  # fmt: skip
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._pending: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()
        self.pid = int(self.ask("SELECT pg_backend_pid()")[0][0])

    def send(self, statement: str) -> None:
        """Sends a statement without waiting for it: `finish` does."""
        token = uuid.uuid4().hex
        self._pending.append(token)
        try:
            self._psql.stdin.write(f"{statement};\n\\echo {token}\n")
            self._psql.stdin.flush()
        except (BrokenPipeError, ValueError) as error:
            raise SessionLost(statement) from error

    def finish(self, seconds: float = ANSWER_SECONDS) -> list[list[str]]:
        """Waits for the statement that was sent first, and gives its rows."""
        token = self._pending[0]
        rows = []
        while True:
            try:
                line = self._lines.get(timeout=seconds)
            except queue.Empty:
                raise AssertionError(f"psql has not answered for {seconds} s") from None
            if line is None or "server closed the connection" in line or "terminating connection" in line:
                raise SessionLost("the server has gone")
            if line == token:
                self._pending.pop(0)
                return rows
            assert not line.startswith("ERROR:"), line
            rows.append(line.split("\x1f"))

    def ask(self, statement: str) -> list[list[str]]:
        """The rows of a statement."""
        self.send(statement)
        return self.finish()

    def close(self) -> None:
        """Ends the session, and with it the locks that it holds."""
        self._psql.kill()
        self._psql.wait()
        self._psql.stdin.close()

    def _read(self) -> None:
        with self._psql.stdout as lines:
            for line in lines:
                self._lines.put(line.rstrip("\n"))
        self._lines.put(None)
