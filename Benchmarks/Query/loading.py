"""A load of events, as a process of its own."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Collection
from pathlib import Path

from waiting import eventually

STOP_SECONDS = 120


class Load:
    """A load of events under way, and what of it has been acknowledged."""

    def __init__(self, address: str, token: str, tenants: list[str], **flags: object):
        self.acknowledged = 0
        # By tenant: when the newest acknowledged event happened.
        self.newest_us: dict[str, int] = {}
        self._tenants, self._started = tenants, time.monotonic()
        command = [sys.executable, Path(__file__).with_name("load.py"), "--address", address, "--tenants", ",".join(tenants)]
        for name, value in flags.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        # It stands back for the collector and PostgreSQL, which it shares the processors with.
        self.process = subprocess.Popen(
            ["nice", "-n", "10", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
            env={**os.environ, "DOCKET_TOKEN": token},
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def rate(self) -> float:
        """Acknowledged events a second."""
        return self.acknowledged / (time.monotonic() - self._started)

    def wait_for(self, tenants: Collection[str]) -> None:
        """Until something of each tenant has come in."""
        eventually(lambda: self.newest_us.keys() >= set(tenants) or not self.is_running(), "query: the load did not come in")
        if not self.is_running():
            raise SystemExit("query: the load ended before it was to")

    def is_running(self) -> bool:
        return self.process.poll() is None

    def finish(self) -> int:
        """Waits for the answers to what has been sent, and begins nothing new; how many events were acknowledged."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise SystemExit(f"query: the load has not come to its end within {STOP_SECONDS} s") from None
        self._reader.join(STOP_SECONDS)
        if code != 0:
            raise SystemExit(f"query: the load ended with code {code}")
        return self.acknowledged

    def kill(self) -> None:
        if self.is_running():
            self.process.kill()
        self.process.wait()

    def _read(self) -> None:
        with self.process.stdout as lines:
            for line in lines:
                tenant, newest, acknowledged = map(int, line.split())
                if self.acknowledged == 0:
                    self._started = time.monotonic()
                name = self._tenants[tenant]
                self.newest_us[name] = max(newest, self.newest_us.get(name, 0))
                self.acknowledged = acknowledged
