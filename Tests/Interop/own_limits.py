"""Programs with disks, names and limits of their own: what would take root otherwise, in a mount namespace of the user's own."""

import resource
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path


def limit_files(pid: int, size_bytes: int) -> None:
    """Bounds the size of files that a process writes."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, hard))


def under_hosts(hosts: Path) -> Sequence[str | Path]:
    """What runs a program with another /etc/hosts."""
    return _mounting('mount --bind "$0" /etc/hosts', hosts)


def on_small_disk(folder: Path, size_kilobytes: int) -> Sequence[str | Path]:
    """What runs a program for which a folder is a file system of that size."""
    return _mounting(f'mount -t tmpfs -o size={size_kilobytes}k tmpfs "$0"', folder)


def _mounting(command: str, argument: Path) -> Sequence[str | Path]:
    return ("unshare", "--mount", "--map-root-user", "sh", "-c", f'{command} && exec "$@"', argument)


@cache
def may_mount() -> bool:
    """Whether this user may have mounts of its own."""
    try:
        tried = subprocess.run([*under_hosts(Path("/etc/hosts")), "true"], check=False, capture_output=True, timeout=30)
    except OSError:
        return False
    return tried.returncode == 0
