"""How the server keeps to HTTP/2 (RFC 9113) and HPACK (RFC 7541), tried frame by frame. docs/http2.md says more."""

from http2_conformance import (  # noqa: F401
    connection_cases,
    flow_control_cases,
    frame_cases,
    hpack_cases,
    message_cases,
    stream_cases,
)
from http2_conformance.case import CASES as CASES
