"""Limits on what a process has in memory."""

import os


def is_within(taken_bytes: float, limit_bytes: float) -> bool:
    """Whether so much is less than the limit. A build with a sanitizer takes several times as much memory: that passes in any case."""
    return "DOCKET_SANITIZER" in os.environ or taken_bytes < limit_bytes
