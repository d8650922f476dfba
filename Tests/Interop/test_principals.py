"""Clients that are let in by their certificates: whom they stand for, and until when."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from docket.v1.audit_log_pb2 import QueryRequest

from certificates import make_authority, sign
from client import TIMEOUT_SECONDS, failure
from collector import BINARY
from events import event, request, unique
from principals import OpenStream, Principals
from test_semantics import details, other_token
from waiting import CHANGE_SECONDS

CHECKOUT = "spiffe://acme.example/checkout"
SUBJECT = "/C=GB/O=Acme\\, Ltd/OU=Zürich/CN=billing"
# As openssl prints it, and as a person may type it.
SUBJECT_TEXT = "cn=billing, ou=Z\\C3\\BCrich, O = Acme\\, Ltd,C=GB"


@pytest.fixture(scope="module")
def principals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Principals]:
    running = Principals(tmp_path_factory.mktemp("principals"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def checkout(principals: Principals) -> tuple[Path, Path]:
    """A certificate with a SPIFFE ID that is let in to publish."""
    principals.let_in("--spiffe", CHECKOUT, "--scope", "publish", "--label", "checkout")
    return principals.certificate("checkout", "/CN=whatever", f"URI:{CHECKOUT},DNS:checkout.acme.example")


def refused(error: grpc.RpcError, reason: str) -> bool:
    assert error.code() == grpc.StatusCode.UNAUTHENTICATED, error
    assert details(error)["ErrorInfo"].reason == reason, error
    return True


def test_a_spiffe_id_stands_for_a_credential(principals: Principals, checkout: tuple[Path, Path]) -> None:
    with principals.client(checkout) as client:
        assert client.publish_events(event()).accepted_count == 1
        assert len(list(client.publish_stream(request([event()], sequence=one) for one in range(3)))) == 3
        error = failure(client.query)
        assert (error.code(), details(error)["ErrorInfo"].reason) == (
            grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING",
        )  # fmt: skip


def test_a_subject_stands_for_a_credential_that_may_query(principals: Principals) -> None:
    number = principals.let_in("--subject", SUBJECT_TEXT, "--scope", "publish", "--scope", "query")
    row = principals.shown(number)
    assert (row["kind"], row["subject"]) == ("subject", "CN=billing,OU=Zürich,O=Acme\\, Ltd,C=GB")
    with principals.client(principals.certificate("billing", SUBJECT)) as client:
        published = event()
        assert client.publish_events(published).accepted_count == 1
        assert [one.event for one in client.query(event_id=published.event_id).events] == [published]


def test_a_certificate_that_nobody_has_let_in_is_named_in_the_answer(principals: Principals) -> None:
    for subject, names, named in (
        ("/CN=stranger", "URI:spiffe://acme.example/stranger", "spiffe://acme.example/stranger"),
        ("/O=Acme/CN=stranger", None, "CN=stranger,O=Acme"),
        # The subject that is let in counts for nothing beside a SPIFFE ID that isn't.
        (SUBJECT, "URI:spiffe://acme.example/other", "spiffe://acme.example/other"),
    ):
        with principals.client(principals.certificate(unique("stranger-"), subject, names)) as client:
            for method, message in (
                (client.collector.Publish, request([event()])),
                (client.collector.PublishStream, iter([request([event()])])),
                (client.audit_log.Query, QueryRequest()),
            ):
                error = failure(method, message, timeout=TIMEOUT_SECONDS)
                assert refused(error, "CERTIFICATE_UNKNOWN") and f"'{named}'" in error.details()


def test_a_certificate_that_names_several_is_refused(principals: Principals) -> None:
    names = f"URI:{CHECKOUT},URI:spiffe://acme.example/other"
    with principals.client(principals.certificate("several", "/CN=several", names)) as client:
        assert refused(failure(client.publish, request([event()])), "CERTIFICATE_UNUSABLE")


def test_a_tenant_that_the_credential_does_not_cover_is_permission_denied(
    principals: Principals, checkout: tuple[Path, Path]
) -> None:
    slug = unique("t-")
    principals.docket("tenant", "add", slug)
    principals.wait_for_registry()
    with principals.client(checkout) as client:
        error = failure(client.publish, request([event()], tenant=slug))
        assert (error.code(), details(error)["ErrorInfo"].reason) == (
            grpc.StatusCode.PERMISSION_DENIED, "TENANT_NOT_COVERED",
        )  # fmt: skip


def test_a_token_goes_before_the_certificate_also_when_it_is_no_good(
    principals: Principals, checkout: tuple[Path, Path]
) -> None:
    with principals.client(checkout, principals.collector.token) as client:
        assert client.query(page_size=1) is not None
    with principals.client(checkout, other_token()) as client:
        assert refused(failure(client.publish, request([event()])), "TOKEN_UNKNOWN")


def test_without_a_certificate_a_token_is_enough_and_nothing_is_not(principals: Principals) -> None:
    with principals.client(token=principals.collector.token) as client:
        assert client.publish_events(event()).accepted_count == 1
    with principals.client() as client:
        assert refused(failure(client.publish, request([event()])), "TOKEN_MISSING")


@pytest.mark.parametrize("sort", ["of another authority", "that has expired", "for servers only"])
def test_a_certificate_that_is_not_good_gets_no_connection(principals: Principals, sort: str, tmp_path: Path) -> None:
    names = f"URI:{CHECKOUT}"
    if sort == "of another authority":
        # Of the same name, so that it isn't told apart by that.
        files = principals.certificate(
            "foreign", "/CN=x", names, authority=make_authority(tmp_path, principals.client_authority.stem)
        )
    elif sort == "that has expired":
        files = principals.certificate("expired", "/CN=x", names, days=-1)
    else:
        files = sign(principals.folder, principals.client_authority, "server-only", "/CN=x", names)
    with principals.client(files) as client:
        assert failure(client.publish, request([event()]), timeout=20).code() == grpc.StatusCode.UNAVAILABLE


def test_a_revoked_certificate_is_refused_within_a_second_on_an_open_stream(principals: Principals) -> None:
    name = f"spiffe://acme.example/{unique()}"
    number = principals.let_in("--spiffe", name)
    with principals.client(principals.certificate(unique("revoked-"), "/CN=x", f"URI:{name}")) as client:
        stream = OpenStream(client)
        assert stream.publish().verdict.accepted_count == 1
        principals.revoke(number)
        error, took = stream.ends_with(seconds=60)
        assert refused(error, "CERTIFICATE_UNKNOWN") and took < CHANGE_SECONDS
        # The connection stays, and who is let in again comes in by it.
        assert refused(failure(client.publish, request([event()])), "CERTIFICATE_UNKNOWN")
        again = principals.let_in("--spiffe", name, "--expires-in", "10s")
        assert client.publish_events(event()).accepted_count == 1
        stream = OpenStream(client)
        error, _ = stream.ends_with(seconds=60)
        assert refused(error, "CERTIFICATE_UNKNOWN")
    assert (principals.shown(number)["state"], principals.shown(again)["state"]) == ("revoked", "expired")


def test_a_name_that_is_let_in_already_is_refused_to_the_operator(
    principals: Principals, checkout: tuple[Path, Path]
) -> None:
    assert f"'{CHECKOUT}' already" in principals.docket("credential", "add", "--spiffe", CHECKOUT, fails=True)
    assert "no SPIFFE ID" in principals.docket("credential", "add", "--spiffe", "https://acme.example", fails=True)
    assert "no known type" in principals.docket("credential", "add", "--subject", "XYZ=acme", fails=True)


def test_the_list_shows_kinds_and_the_log_shows_acts(principals: Principals, checkout: tuple[Path, Path]) -> None:
    table = principals.docket("token", "list")
    [row] = [line for line in table.splitlines() if CHECKOUT in line]
    assert " spiffe " in row and " checkout " in row
    with principals.client(token=principals.collector.token) as client:
        acts = client.query_all(type="docket.credential.changed")
    assert any(one.event.action == "create" and f'"subject":"{CHECKOUT}"' in one.event.attributes for one in acts)


def test_the_command_shows_its_certificate(principals: Principals) -> None:
    name = f"spiffe://acme.example/{unique()}"
    principals.let_in("--spiffe", name, "--scope", "publish", "--scope", "query")
    certificate, key = principals.certificate("command", "/CN=x", f"URI:{name}")
    flags = [
        "--address", principals.collector.address, "--ca-file", str(principals.server_authority),
        "--tls-client-certificate", str(certificate), "--tls-client-key", str(key),
    ]  # fmt: skip
    action = unique("act-")
    for command in (
        ["emit", "--type", "authz.decision", "--action", action, *flags],
        ["query", "--action", action, "--json", *flags],
    ):
        ended = subprocess.run([BINARY, *command], check=False, capture_output=True, text=True, timeout=120)
        assert ended.returncode == 0, ended.stderr
    assert action in ended.stdout


def test_other_authorities_are_taken_up_and_open_connections_go_on(tmp_path: Path) -> None:
    running = Principals(tmp_path, "--tls-client-certificates", "required")
    try:
        old = running.certificate("old", "/CN=checkout")
        running.let_in("--subject", "CN=checkout")
        other = make_authority(tmp_path, "Other CA")
        new = running.certificate("new", "/CN=checkout", authority=other)
        with running.client(old) as open_client:
            assert open_client.publish_events(event()).accepted_count == 1
            # A broken file changes nothing.
            replace_authorities(running, b"no certificate", "failed")
            with running.client(new) as client:
                assert failure(client.publish, request([event()]), timeout=20).code() == grpc.StatusCode.UNAVAILABLE
            replace_authorities(running, other.read_bytes(), "loaded")
            assert open_client.publish_events(event()).accepted_count == 1
            with running.client(new) as client:
                assert client.publish_events(event()).accepted_count == 1
            with running.client(old) as client:
                assert failure(client.publish, request([event()]), timeout=20).code() == grpc.StatusCode.UNAVAILABLE
        # A certificate is required, whatever else is shown.
        with running.client(token=running.collector.token) as client:
            assert failure(client.publish, request([event()]), timeout=20).code() == grpc.StatusCode.UNAVAILABLE
    finally:
        running.close()


def test_a_session_is_not_resumed_under_authorities_that_are_gone(tmp_path: Path) -> None:
    running = Principals(tmp_path)
    try:
        certificate, key = running.certificate("old", "/CN=checkout")
        context = ssl.create_default_context(cafile=str(running.server_authority))
        # Its tickets come with the handshake.
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["h2"])
        context.load_cert_chain(certificate, key)

        def connect(session: ssl.SSLSession | None = None) -> tuple[bool, ssl.SSLSession | None]:
            plain = socket.create_connection(running.collector.host_and_port, timeout=20)
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as secure:
                return bool(secure.session_reused), secure.session

        _, session = connect()
        assert session is not None and connect(session)[0], "nothing to resume: the test shows nothing"
        replace_authorities(running, make_authority(tmp_path, "Other CA").read_bytes(), "loaded")
        with pytest.raises(ssl.SSLError):
            connect(session)
    finally:
        running.close()


def replace_authorities(running: Principals, content: bytes, outcome: str) -> None:
    """Replaces the file of client authorities, and has the collector read it."""
    new = running.client_authority.with_suffix(".new")
    new.write_bytes(content)
    shutil.move(new, running.client_authority)
    running.collector.reload(f'docket_tls_client_ca_loads_total{{outcome="{outcome}"}}')
