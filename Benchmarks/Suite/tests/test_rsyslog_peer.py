"""rsyslog stores every good message once, whatever bad ones are sent among them, and after its connections were lost."""

import json
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from suite.contestants import PEERS
from suite.processes import Child
from suite.server import SUPERUSER, PrivatePostgres, Session
from tables import make_tables

FOLDER = PEERS / "rsyslog"
SECONDS = 30
if not Path("/usr/sbin/rsyslogd").exists():
    pytest.skip("Benchmarks/Peers/rsyslog/build has not been run", allow_module_level=True)


@pytest.fixture
def admin() -> Iterator[Session]:
    server = PrivatePostgres()
    make_tables(server)
    subprocess.run(["psql", server.conninfo(SUPERUSER), "-qX", "-f", FOLDER / "setup.sql"], check=True)
    session = Session(server)
    session.conninfo = server.conninfo(SUPERUSER, "peer")
    yield session
    session.close()
    server.delete()


@pytest.fixture
def address(admin: Session, tmp_path: Path) -> Iterator[tuple[str, int]]:
    command = [
        FOLDER / "run", "--listen", "127.0.0.1:0", "--postgres", admin.conninfo, "--table", "bench.plain", "--writers", "2",
        "--ready-file", tmp_path / "ready.json",
    ]  # fmt: skip
    child = Child("rsyslog", command, tmp_path / "log")
    host, _, port = child.wait_until_ready(tmp_path / "ready.json")["syslog"].rpartition(":")
    try:
        yield host, int(port)
        child.stop()
    finally:
        child.kill()


def event(**fields: object) -> str:
    return json.dumps({"event_id": str(uuid.uuid4()), "occurred_at": "2026-01-01T00:00:00.000001Z", **fields})


def send(address: tuple[str, int], *messages: str) -> None:
    with socket.create_connection(address) as connection:
        for message in messages:
            framed = b"<110>1 - bench emitter - - - " + message.encode()
            connection.sendall(b"%d %s" % (len(framed), framed))


def wait_for(admin: Session, count: int) -> None:
    deadline = time.monotonic() + SECONDS
    while (stored := int(admin.ask("SELECT count(*) FROM bench.plain")[0][0])) != count:
        assert time.monotonic() < deadline, f"{stored} messages are stored, not {count}"
        time.sleep(0.05)


def test_fields_are_stored_as_they_were_sent(admin: Session, address: tuple[str, int]) -> None:
    full = {
        "scope": "it's a \\ 'test' é", "actor": {"kind": "user", "id": "'); --", "user_id": "u"}, "decision": "deny",
        "outcome": "error", "attributes": {"b": 1.50, "a": "\\u0001"}, "obligations": [], "trace_id": "00ff" * 8,
        "payload": {"in_size_bytes": 7, "hash": "h"}, "delegation": [{"kind": "agent"}], "risk_score": 0.1,
    }  # fmt: skip
    send(address, event(**full), event())
    wait_for(admin, 2)
    wanted = "scope, actor_kind, actor_id, actor_user_id, decision, outcome, attributes, obligations, encode(trace_id, 'hex'),"
    wanted += " payload_in_size_bytes, payload_hash, delegation, risk_score, extract(microseconds FROM occurred_at)"
    assert admin.ask(f"SELECT {wanted} FROM bench.plain WHERE scope IS NOT NULL") == [
        ["it's a \\ 'test' é", "user", "'); --", "u", "2", "3", '{"b": 1.5, "a": "\\\\u0001"}', "[]", "00ff" * 8, "7", "h",
         '[{"kind": "agent"}]', "0.1", "1"]
    ]  # fmt: skip
    absent = "SELECT count(*) FROM bench.plain WHERE num_nulls(scope, attributes, trace_id, duration_us, delegation) = 5"
    assert admin.ask(absent) == [["1"]]


def test_a_bad_message_holds_up_no_other(admin: Session, address: tuple[str, int]) -> None:
    bad = ["{", "no JSON", event(event_id="x"), event(scope="refused"), event(occurred_at="never")]
    send(address, *(message for one in bad for message in (event(), one, event())))
    wait_for(admin, 2 * len(bad))


def test_lost_connections_are_replaced_and_nothing_is_lost(admin: Session, address: tuple[str, int]) -> None:
    send(address, event())
    wait_for(admin, 1)
    admin.ask("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'peer'")
    send(address, *(event() for _ in range(100)))
    wait_for(admin, 101)
