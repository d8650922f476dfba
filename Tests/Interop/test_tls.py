"""The same over TLS, with certificates of a CA made for the test."""

import shutil
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from certificates import RSA, make_authority, sign
from client import Client, failure
from collector import Collector
from conftest import StartCollector
from events import event, request
from waiting import eventually


@dataclass
class Certificates:
    """Paths of a CA, of a server certificate for 127.0.0.1 and localhost that it signed, and of an unrelated CA."""

    authority: Path
    certificate: Path
    key: Path
    other_authority: Path


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    authority = make_authority(folder, "Docket test CA")
    certificate, key = sign(folder, authority, "server")
    return Certificates(authority, certificate, key, make_authority(folder, "Unrelated CA"))


@pytest.fixture(scope="module")
def tls_collector(certificates: Certificates) -> Iterator[Collector]:
    running = Collector("--tls-certificate", str(certificates.certificate), "--tls-key", str(certificates.key))
    yield running
    code = running.stop()
    assert code == 0, f"docket dev ended with code {code}:\n{running.log()}"
    running.delete_folder()


def credentials(authority: Path) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(root_certificates=authority.read_bytes())


def protocol_of(address: tuple[str, int], certificates: Certificates, version: ssl.TLSVersion) -> str | None:
    """What a server chooses of HTTP/1.1 and HTTP/2, by one version of TLS."""
    context = ssl.create_default_context(cafile=str(certificates.authority))
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["http/1.1", "h2"])
    with (
        socket.create_connection(address, timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        return secure.selected_alpn_protocol()


def test_a_client_that_trusts_the_ca_publishes_and_queries(
    tls_collector: Collector, certificates: Certificates
) -> None:
    trusted = credentials(certificates.authority)
    with Client(tls_collector.address, tls_collector.token, trusted) as client:
        published = event()
        assert client.publish_events(published).accepted_count == 1
        assert [one.event for one in client.query(event_id=published.event_id).events] == [published]
        batches = [request([event() for _ in range(50)], sequence=sequence) for sequence in range(50)]
        assert len(list(client.publish_stream(batches))) == 50


def test_a_token_is_asked_for_over_tls_too(tls_collector: Collector, certificates: Certificates) -> None:
    with Client(tls_collector.address, "wrong", credentials(certificates.authority)) as client:
        assert failure(client.publish, request([event()])).code() == grpc.StatusCode.UNAUTHENTICATED


def test_a_client_that_does_not_trust_the_ca_gets_no_connection(
    tls_collector: Collector, certificates: Certificates
) -> None:
    with Client(tls_collector.address, tls_collector.token, credentials(certificates.other_authority)) as client:
        assert failure(client.publish, request([event()]), timeout=20).code() == grpc.StatusCode.UNAVAILABLE


def test_a_client_without_tls_gets_no_connection(tls_collector: Collector) -> None:
    with Client(tls_collector.address, tls_collector.token) as client:
        error = failure(client.publish, request([event()]), timeout=20)
        assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_agree_on_h2(
    tls_collector: Collector, certificates: Certificates, version: ssl.TLSVersion
) -> None:
    assert protocol_of(tls_collector.host_and_port, certificates, version) == "h2"


def test_tls_1_1_is_refused(tls_collector: Collector) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(tls_collector.host_and_port, timeout=20) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain).close()


@pytest.fixture(scope="module")
def rsa_collector(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """One whose certificate is of an RSA key: the suites for such keys are refused by others in any case."""
    certificate, key = sign(tmp_path_factory.mktemp("rsa"), certificates.authority, "server", kind=RSA)
    running = Collector("--tls-certificate", str(certificate), "--tls-key", str(key))
    yield running
    assert running.stop() == 0, running.log()
    running.delete_folder()


def shake_hands(collector: Collector, suite: str) -> str:
    """The suite that TLS 1.2 agrees on, of this one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{suite}:@SECLEVEL=0")
    with (
        socket.create_connection(collector.host_and_port, timeout=20) as plain,
        context.wrap_socket(plain) as secure,
    ):
        return secure.cipher()[0]


@pytest.mark.parametrize("kind", ["ECDSA", "RSA"])
def test_suites_that_http_2_forbids_are_refused(tls_collector: Collector, rsa_collector: Collector, kind: str) -> None:
    collector = rsa_collector if kind == "RSA" else tls_collector
    for suite in (f"ECDHE-{kind}-AES128-GCM-SHA256", f"ECDHE-{kind}-CHACHA20-POLY1305"):
        assert shake_hands(collector, suite) == suite
    # RFC 9113 appendix A: without forward secrecy, or without authenticated encryption.
    forbidden = [f"ECDHE-{kind}-AES128-SHA", f"ECDHE-{kind}-AES256-SHA384"]
    if kind == "RSA":
        forbidden += ["AES128-GCM-SHA256", "AES256-SHA256", "DHE-RSA-AES128-SHA"]
    for suite in forbidden:
        with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
            shake_hands(collector, suite)


def served(collector: Collector) -> bytes:
    """The certificate that a new connection is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(collector.host_and_port, timeout=20) as plain,
        context.wrap_socket(plain) as secure,
    ):
        return secure.getpeercert(binary_form=True)


def loads(outcome: str) -> str:
    """The series of how often the certificate was read."""
    return f'docket_tls_certificate_loads_total{{outcome="{outcome}"}}'


def test_a_new_certificate_is_taken_up_and_open_connections_go_on(
    start_collector: StartCollector, certificates: Certificates, tmp_path: Path
) -> None:
    certificate, key = sign(tmp_path, certificates.authority, "served")
    collector = start_collector("--tls-certificate", str(certificate), "--tls-key", str(key))
    eventually(lambda: collector.metrics().get(loads("loaded"), 0) == 1, collector.log)
    before = served(collector)
    accepted = "docket_rpc_connections_accepted_total"
    with Client(collector.address, collector.token, credentials(certificates.authority)) as client:
        assert client.publish_events(event()).accepted_count == 1
        connections = collector.metrics()[accepted]

        # Half of the change, as a deployment may leave it for a moment: what is there goes on.
        renewed, renewed_key = sign(tmp_path, certificates.authority, "renewed")
        shutil.copy(renewed, certificate)
        collector.reload(loads("failed"))
        assert served(collector) == before

        shutil.copy(renewed_key, key)
        collector.reload(loads("loaded"))
        assert served(collector) == ssl.PEM_cert_to_DER_cert(renewed.read_text())
        assert client.publish_events(event()).accepted_count == 1
        assert collector.metrics()[accepted] == connections + 2, "the client has connected again"
    with Client(collector.address, collector.token, credentials(certificates.authority)) as client:
        assert client.publish_events(event()).accepted_count == 1


def test_a_new_certificate_is_found_without_being_told(
    start_collector: StartCollector, certificates: Certificates, tmp_path: Path
) -> None:
    certificate, key = sign(tmp_path, certificates.authority, "served")
    collector = start_collector(
        "--tls-certificate", str(certificate), "--tls-key", str(key),
        environment={"DOCKET_TLS_RELOAD_INTERVAL_MS": "100"},
    )  # fmt: skip
    renewed, renewed_key = sign(tmp_path, certificates.authority, "renewed")
    shutil.copy(renewed_key, key)
    shutil.copy(renewed, certificate)
    eventually(lambda: served(collector) == ssl.PEM_cert_to_DER_cert(renewed.read_text()), collector.log)
    days_left = (collector.metrics()["docket_tls_certificate_not_after_seconds"] - time.time()) / 86_400
    assert 1 < days_left < 3
