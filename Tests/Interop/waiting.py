"""Waiting for what somebody else brings about."""

import os
import time
from collections.abc import Callable

PAUSE_SECONDS = 0.02
# What a change may take to count everywhere; more is a machine that is busy with something else.
CHANGE_SECONDS = float(os.environ.get("DOCKET_CHANGE_SECONDS", "1"))


def eventually(
    condition: Callable[[], object], what: str | Callable[[], str] = "it did not come about", seconds: float = 60
) -> None:
    """Until the condition holds. When that takes too long, the test fails with `what`: a text, or what gives one then."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what if isinstance(what, str) else what()
        time.sleep(PAUSE_SECONDS)
