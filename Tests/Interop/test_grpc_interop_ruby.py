"""gRPC's public interoperability client: the Ruby one, which Debian's ruby-grpc brings along."""

import glob
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from interop_server import InteropServer
from test_tls import Certificates, certificates  # noqa: F401

CLIENT = next(iter(sorted(glob.glob("/usr/lib/*/rubygems-integration/*/gems/grpc-*/src/ruby/pb/test/client.rb"))), None)
CASES = [
    "cancel_after_begin",
    "cancel_after_first_response",
    "client_compressed_streaming",
    "client_compressed_unary",
    "client_streaming",
    "custom_metadata",
    "empty_stream",
    "empty_unary",
    "large_unary",
    "ping_pong",
    "server_streaming",
    "status_code_and_message",
    "timeout_on_sleeping_server",
    "unimplemented_method",
    "unimplemented_service",
]
DEADLINE_SECONDS = 120

pytestmark = pytest.mark.skipif(
    not os.environ.get("CI") and (CLIENT is None or shutil.which("ruby") is None), reason="Debian's package ruby-grpc is not installed"
)


@pytest.fixture(scope="module")
def plain_server() -> Iterator[InteropServer]:
    running = InteropServer()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def tls_server(certificates: Certificates) -> Iterator[InteropServer]:  # noqa: F811
    running = InteropServer("--tls-certificate", certificates.certificate, "--tls-key", certificates.key)
    yield running
    assert running.stop() == 0


def run_case(case: str, server: InteropServer, authority: Path | None = None) -> None:
    done = subprocess.run(
        ["ruby", CLIENT, "--server_host", "localhost", "--server_port", str(server.port), "--test_case", case,
         "--use_tls", "false" if authority is None else "true"],
        env={**os.environ, "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(authority or ""), "no_proxy": "localhost"},
        check=False, capture_output=True, text=True, timeout=DEADLINE_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0 and f"OK: {case}" in done.stdout, f"{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("case", CASES)
def test_the_public_client_passes_its_case(plain_server: InteropServer, case: str) -> None:
    run_case(case, plain_server)


@pytest.mark.parametrize("case", ["empty_unary", "large_unary", "ping_pong", "custom_metadata"])
def test_the_public_client_passes_its_case_over_tls(
    tls_server: InteropServer, certificates: Certificates, case: str  # noqa: F811
) -> None:
    run_case(case, tls_server, certificates.authority)
