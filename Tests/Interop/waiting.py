"""Waiting for what somebody else brings about."""

import os
import time
from collections.abc import Callable

PAUSE_SECONDS = 0.02
# What a change may take to count everywhere. It is a second where nothing else runs: set that there.
CHANGE_SECONDS = float(os.environ.get("DOCKET_CHANGE_SECONDS", "10"))


def eventually(
    condition: Callable[[], object], what: str | Callable[[], str] = "it did not come about", seconds: float = 60
) -> None:
    """Until the condition holds. When that takes too long, the test fails with `what`: a text, or what gives one then."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what if isinstance(what, str) else what()
        time.sleep(PAUSE_SECONDS)
