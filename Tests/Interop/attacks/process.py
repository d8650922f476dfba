"""An attack as a process of its own: what it uses of the processors is not the collector's."""

import json
import os
import subprocess
import sys
from collections import Counter

from . import Attack

# Beyond the time that an attack is given: its last attempt comes to an end.
GRACE_SECONDS = 60


class AttackProcess:
    """A running attack."""

    def __init__(
        self, attack: Attack, address: str, token: str, seconds: float, count: int | None = None, nice: int = 0,
        environment: dict[str, str] | None = None,
    ):  # fmt: skip
        """It goes on for so many seconds, or so many attempts. Begins once its interpreter is up."""
        self._seconds = seconds
        command = [sys.executable, "-m", "attacks", attack.name, "--address", address, "--seconds", str(seconds),
                   "--nice", str(nice)]  # fmt: skip
        if count is not None:
            command += ["--count", str(count)]
        if attack.uses_tls:
            command.append("--tls")
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True,
            # The stubs of the protocol are where this process has them.
            env={**os.environ, **(environment or {}), "DOCKET_TOKEN": token, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip

    def wait_until_begun(self) -> None:
        line = self.process.stdout.readline()
        assert line == "begun\n", f"the attack has not begun: {line!r}"

    def finish(self) -> Counter[str]:
        """How often the peer saw what, once the attack is over."""
        try:
            output = self.process.communicate(timeout=self._seconds + GRACE_SECONDS)[0]
        finally:
            self.stop()
        assert self.process.returncode == 0, f"the attack ended with code {self.process.returncode}"
        return Counter(json.loads(output.splitlines()[-1]))

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
