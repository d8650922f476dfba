"""The retry rule: what a status means for a batch. docs/client/other-languages.md has it in words."""

import random

import grpc
from google.rpc import code_pb2 as codes
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

# What says nothing of the batch itself. RESOURCE_EXHAUSTED is among them only with a time to try again.
MAY_PASS = {
    codes.UNAVAILABLE, codes.RESOURCE_EXHAUSTED, codes.ABORTED, codes.DEADLINE_EXCEEDED, codes.CANCELLED,
    codes.INTERNAL, codes.UNKNOWN,
}  # fmt: skip
# The collector failed. That may pass, or be the batch's doing: a batch that is refused so is tried so often and no more.
DOUBTFUL, MAX_DOUBTFUL_ATTEMPTS = {codes.INTERNAL, codes.UNKNOWN}, 5
# A stream that ends so ended because of one of its batches.
BLAMES_BATCH = {codes.INVALID_ARGUMENT, codes.OUT_OF_RANGE, codes.ALREADY_EXISTS, codes.FAILED_PRECONDITION}
MAX_RETRY_DELAY_SECONDS = 3600.0


def retry_delay_seconds(status: Status) -> float | None:
    """The pause that the collector asks for; None when it asks for none."""
    info = RetryInfo()
    for detail in status.details:
        if detail.Unpack(info):
            return min(max(info.retry_delay.seconds + info.retry_delay.nanos / 1e9, 0.0), MAX_RETRY_DELAY_SECONDS)
    return None


def is_over_fixed_limit(status: Status) -> bool:
    """Whether a limit was overstepped that stays where it is, rather than one that the load of the moment overstepped."""
    return status.code == codes.RESOURCE_EXHAUSTED and retry_delay_seconds(status) is None


def is_permanent(status: Status) -> bool:
    """Whether the same batch would be refused again."""
    return status.code not in MAY_PASS or is_over_fixed_limit(status)


def blames_batch(status: Status) -> bool:
    """Whether a stream that the collector ended so ended because of one of its batches."""
    return status.code in BLAMES_BATCH or is_over_fixed_limit(status)


def status_of(error: grpc.RpcError) -> tuple[Status, bool]:
    """What a call ended with, and whether the collector said it: what gRPC makes up has no trailers."""
    trailers = dict(error.trailing_metadata() or ())
    status = Status.FromString(trailers.get("grpc-status-details-bin", b""))
    status.code, status.message = error.code().value[0], error.details() or ""
    return status, bool(trailers)


def in_words(status: Status) -> str:
    """The status for a log."""
    return f"{grpc_name(status.code)}: {status.message}"


def grpc_name(code: int) -> str:
    """The name of a code, also of one that nobody knows."""
    return codes.Code.Name(code) if code in codes.Code.values() else str(code)


def backoff_seconds(failures: int, initial_seconds: float, max_seconds: float) -> float:
    """The pause after so many failures in a row: exponential, with full jitter."""
    return random.uniform(0, min(max_seconds, initial_seconds * 2 ** min(failures - 1, 30)))
