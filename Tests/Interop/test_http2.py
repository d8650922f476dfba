"""HTTP/2 and HPACK frame by frame, on the collector and, to compare, on nghttpd: docs/http2.md."""

import ssl
from collections.abc import Iterator

import pytest

from collector import Collector
from http2_conformance import CASES, h2spec
from http2_conformance.case import Case
from http2_conformance.connection import PATIENCE_SECONDS
from http2_conformance.deviations import DEVIATIONS, OF_NGHTTPD
from http2_conformance.servers import Docket, Nghttpd, Server, client_context
from stubs import ROOT
from test_tls import Certificates, certificates, tls_collector  # noqa: F401

# TLS changes nothing above it: these few show that it doesn't.
OVER_TLS = {
    "3.4/server-preface-first", "3.4/no-preface", "3.4/octet-by-octet", "4.2/data-of-full-length",
    "4.2/headers-too-long",
    "5.1/idle-data", "5.1.2/one-too-many", "5.2/windows-open-again", "5.4.1/goaway-comes-first",
    "6.9.1/one-octet-at-a-time", "6.9.1/the-connection-limits-all-streams", "8.1/trailers", "8.2/name-in-upper-case",
    "hpack/6.1/index-0",
}  # fmt: skip


@pytest.fixture(scope="module")
def docket(collector: Collector) -> Docket:
    return Docket(collector)


@pytest.fixture(scope="module")
def nghttpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nghttpd]:
    running = Nghttpd(tmp_path_factory.mktemp("nghttpd"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def tls_docket(tls_collector: Collector, certificates: Certificates) -> Docket:  # noqa: F811
    return Docket(tls_collector, client_context(certificates.authority))


@pytest.fixture(scope="module")
def tls_nghttpd(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates  # noqa: F811
) -> Iterator[Nghttpd]:  # fmt: skip
    running = Nghttpd(
        tmp_path_factory.mktemp("nghttpd"), (certificates.key, certificates.certificate),
        client_context(certificates.authority),
    )  # fmt: skip
    yield running
    running.stop()


def parameter(case: Case) -> object:
    return pytest.param(case, id=case.id)


def check(case: Case, *servers: Server) -> None:
    """The rule is kept by both, or it is known which of them doesn't keep it."""
    found = {server: case.deviation(server) for server in servers}
    for server, deviation in found.items():
        known = case.id in DEVIATIONS or (isinstance(server, Nghttpd) and case.id in OF_NGHTTPD)
        assert (deviation is not None) == known, "\n".join(f"{one.name}: {text}" for one, text in found.items())


@pytest.mark.parametrize("case", [parameter(case) for case in CASES])
def test_a_rule_is_kept(case: Case, docket: Docket, nghttpd: Nghttpd) -> None:
    check(case, docket, nghttpd)


@pytest.mark.parametrize("case", [parameter(case) for case in CASES if case.id in OVER_TLS])
def test_a_rule_is_kept_over_tls(case: Case, tls_docket: Docket, tls_nghttpd: Nghttpd) -> None:
    check(case, tls_docket, tls_nghttpd)


@pytest.mark.parametrize("protocols", [("http/1.1",), ("h3", "spdy/3"), ()])
def test_a_client_that_does_not_offer_h2_is_hung_up_on(
    protocols: tuple[str, ...], tls_docket: Docket, tls_nghttpd: Nghttpd, certificates: Certificates  # noqa: F811
) -> None:  # fmt: skip
    context = client_context(certificates.authority, protocols)
    for server in (tls_docket, tls_nghttpd):
        try:
            with server.connect(PATIENCE_SECONDS, context) as connection:
                assert connection.recv(1) == b"", f"{server.name} speaks"
        except (ConnectionError, ssl.SSLError) as error:
            assert not isinstance(error, TimeoutError), server.name


def test_h2_is_chosen_whatever_else_is_offered(
    tls_docket: Docket, tls_nghttpd: Nghttpd, certificates: Certificates  # noqa: F811
) -> None:  # fmt: skip
    context = client_context(certificates.authority, ("http/1.1", "h2"))
    for server in (tls_docket, tls_nghttpd):
        with server.connect(PATIENCE_SECONDS, context) as connection:
            assert connection.selected_alpn_protocol() == "h2", server.name


def test_every_case_of_h2spec_is_covered() -> None:
    assert {name for case in CASES for name in case.h2spec} == h2spec.CASES


def test_the_tables_name_cases_that_there_are_and_the_document_names_the_tables() -> None:
    names = {case.id for case in CASES}
    assert names >= DEVIATIONS.keys() | OF_NGHTTPD.keys() | OVER_TLS
    document = (ROOT / "docs" / "http2.md").read_text()
    assert {name for name in names if f"`{name}`" in document} >= DEVIATIONS.keys() | OF_NGHTTPD.keys()
    assert f"{len(CASES)} cases" in document and f"all {len(h2spec.CASES)} of" in document
