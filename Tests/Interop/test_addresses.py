"""Where a collector listens: IPv6, and a Unix-domain socket."""

from pathlib import Path

import pytest

from client import Client
from conftest import StartCollector
from events import event


def test_ipv6(start_collector: StartCollector) -> None:
    collector = start_collector("--listen", "[::1]:0")
    assert collector.address.startswith("[::1]:")
    with Client(f"ipv6:{collector.address}", collector.token) as client:
        assert client.publish_events(event()).accepted_count == 1


def test_a_unix_domain_socket(start_collector: StartCollector, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = Path("/tmp") / f"docket-{tmp_path_factory.mktemp('socket').name}.sock"
    collector = start_collector("--listen", f"unix:{path}")
    assert collector.address == f"unix:{path}"
    with Client(collector.address, collector.token) as client:
        assert client.publish_events(event()).accepted_count == 1
    assert collector.stop() == 0
    assert not path.exists()
