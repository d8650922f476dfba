"""nginx and HAProxy as docs/deployment configures them: only addresses, folders and users are a test's own. And no proxy."""

import contextlib
import getpass
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from collector import free_port
from stubs import ROOT
from test_tls import Certificates

CONFIGURATIONS = ROOT / "docs" / "deployment"
# The collectors of the configurations.
HOSTS = ("10.0.0.11", "10.0.0.12")
# What is logged again and again, and says nothing: calls that went well, and that a collector isn't there.
COMMONPLACE = re.compile(r" 200 (-?0-?|209) |Connection refused")
START_SECONDS = 30
STOP_SECONDS = 60


class Front:
    """What stands between clients and two collectors."""

    name: str
    # Where clients connect to, and the options that their channels need.
    address: str
    options: Sequence[tuple[str, object]] = ()
    is_encrypted = True

    def sees_all_collectors(self) -> bool:
        """Whether it takes none for dead."""
        return True

    def log(self) -> str:
        """The end of what it has logged, but for calls that went well and connections that were refused."""
        return ""

    def stop(self) -> None:
        """Ends it."""


class Direct(Front):
    """Nothing: clients know the collectors, and balance their calls themselves."""

    name = "direct"
    is_encrypted = False

    def __init__(self, collectors: Sequence[tuple[str, str]], certificates: Certificates):
        # What a name with two addresses becomes.
        self.address = f"ipv4:{','.join(grpc for grpc, _ in collectors)}"
        # Collectors are restarted here more often than clients usually look for them.
        backoffs = [(f"grpc.{kind}_reconnect_backoff_ms", 100) for kind in ("initial", "min", "max")]
        config = (CONFIGURATIONS / "service-config.json").read_text()
        self.options = [("grpc.service_config", config), ("grpc.enable_retries", 1), *backoffs]


class Proxy(Front):
    """A proxy which speaks TLS with its clients."""

    # The name of its configuration, and the signal that makes it read that again.
    file: str
    reload_signal: signal.Signals

    def __init__(
        self,
        collectors: Sequence[tuple[str, str]],
        certificates: Certificates,
        authority: Path | None = None,
        changes: dict[str, dict[str, str]] | None = None,
    ):
        """Starts it. Each collector is given by where it serves gRPC, and its pages. With the authority of their certificates the
        proxy speaks TLS with them too. `changes` has, for each proxy, parts of its configuration and what takes their place.
        """
        self.folder = Path(tempfile.mkdtemp(prefix=f"docket-{self.name}-", dir="/tmp"))
        self.port = free_port()
        # A name that is in the certificate.
        self.address = f"localhost:{self.port}"
        text = (CONFIGURATIONS / self.file).read_text()
        for host, (grpc, http) in zip(HOSTS, collectors, strict=True):
            text = replaced(self._with_pages(text, host, http), f"{host}:7480", grpc)
        if authority:
            shutil.copy(authority, self.folder / "ca.pem")
            text = replaced(self._with_tls(text), "collector.example.com", "localhost")
        shutil.copy(certificates.certificate, self.folder / "proxy.pem")
        shutil.copy(certificates.key, self.folder / "proxy.key")
        (self.folder / "proxy-with-key.pem").write_text(certificates.certificate.read_text() + certificates.key.read_text())
        text = self._at_home(replaced(text, "/etc/docket/", f"{self.folder}/"))
        for old, new in (changes or {}).get(self.name, {}).items():
            text = replaced(text, old, new)
        self._configuration = self.folder / self.file
        self._configuration.write_text(text)
        with (self.folder / "proxy.log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        try:
            self._wait_until_it_listens()
        except BaseException:
            self.stop()
            raise

    def log(self) -> str:
        logs = [path.read_text(errors="replace").splitlines() for path in sorted(self.folder.glob("*.log"))]
        return "\n".join(line for lines in logs for line in [line for line in lines if not COMMONPLACE.search(line)][-40:])

    def reload(self) -> None:
        """Has it read its configuration and certificates again, as `systemctl reload` does, and waits for a new worker."""
        before = self._workers()
        for _ in range(START_SECONDS):
            # Again and again: HAProxy sleeps through a signal that comes just after its start.
            self.process.send_signal(self.reload_signal)
            told_at = time.monotonic()
            while time.monotonic() < told_at + 1:
                if not self._workers() <= before:
                    return
                time.sleep(0.02)
        raise AssertionError(f"{self.name} was told to reload, and doesn't:\n{self.log()}")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        finally:
            # Its workers are of its session.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            shutil.rmtree(self.folder, ignore_errors=True)

    def _workers(self) -> set[int]:
        return {int(child) for child in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()}

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert self.process.poll() is None, f"{self.name} ended with code {self.process.returncode}:\n{self.log()}"
                assert time.monotonic() < deadline, f"{self.name} does not listen:\n{self.log()}"
                time.sleep(0.02)

    def _command(self) -> list[str | Path]:
        raise NotImplementedError

    def _at_home(self, text: str) -> str:
        """The configuration with this proxy's port and folder, for the user who runs the test."""
        raise NotImplementedError

    def _with_tls(self, text: str) -> str:
        """The configuration with TLS to the collectors, as its comments say."""
        raise NotImplementedError

    def _with_pages(self, text: str, host: str, http: str) -> str:
        """The configuration with the address of a collector's pages, where it has one."""
        return text


class Nginx(Proxy):
    name = "nginx"
    file = "nginx.conf"
    reload_signal = signal.SIGHUP

    def _command(self) -> list[str | Path]:
        return [program("nginx"), "-e", "stderr", "-c", self._configuration, "-g", "daemon off;"]

    def _at_home(self, text: str) -> str:
        text = replaced(text, "/run/nginx.pid", f"{self.folder}/nginx.pid")
        text = replaced(text, "/var/log/nginx/", f"{self.folder}/")
        text = replaced(text, "listen 443 ", f"listen 127.0.0.1:{self.port} ")
        # Only root may choose, and only root may write where Debian's nginx keeps its temporary files.
        text = replaced(text, "user www-data;", f"user {getpass.getuser()};" if os.getuid() == 0 else "")
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        return replaced(text, "http {", "http {" + "".join(f" {kind}_temp_path {self.folder}/{kind};" for kind in kinds))

    def _with_tls(self, text: str) -> str:
        return re.sub("#(?=grpc_)", "", replaced(text, "grpc_pass grpc://collectors;", ""))


class HAProxy(Proxy):
    name = "haproxy"
    file = "haproxy.cfg"
    reload_signal = signal.SIGUSR2

    def _command(self) -> list[str | Path]:
        return [program("haproxy"), "-W", "-db", "-f", self._configuration]

    def _at_home(self, text: str) -> str:
        text = replaced(text, "bind :443 ", f"bind 127.0.0.1:{self.port} ")
        text = replaced(text, "log /dev/log local0", "log stdout format raw local0")
        # For root only.
        return replaced(text, "    chroot /var/lib/haproxy\n    user haproxy\n    group haproxy\n", "")

    def _with_tls(self, text: str) -> str:
        return replaced(text, "#default-server", "default-server")

    def sees_all_collectors(self) -> bool:
        log = (self.folder / "proxy.log").read_text(errors="replace")
        return "DOWN" not in dict(re.findall(r"Server collectors/(\w+) is (UP|DOWN)", log)).values()

    def _with_pages(self, text: str, host: str, http: str) -> str:
        return replaced(text, f"{host}:7480 port 7481", f"{host}:7480 port {http.rsplit(':', 1)[1]}")


def program(name: str) -> str:
    """Where a program is; Debian has servers where only root looks for them."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert found, f"there is no {name}; scripts/bootstrap test installs it"
    return found


def replaced(text: str, old: str, new: str) -> str:
    """The text with something in the place of a part that must be there."""
    assert old in text, f"the configuration has no {old!r}"
    return text.replace(old, new)


PROXIES: dict[str, type[Proxy]] = {proxy.name: proxy for proxy in (Nginx, HAProxy)}
FRONTS: dict[str, type[Front]] = {**PROXIES, Direct.name: Direct}
