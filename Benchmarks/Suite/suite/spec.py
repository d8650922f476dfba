"""What one run is: who, into which table, under which load."""

from dataclasses import asdict, dataclass, replace

# An event of the generator without a wish for its size, in bytes on the wire.
USUAL_EVENT_BYTES = 350
USUAL_BATCH = 500
# Larger ones would come near the 4 MiB that a gRPC server takes by default.
MAX_BATCH_BYTES = 3_500_000


@dataclass(frozen=True)
class RunSpec:
    """One run. Figures that are 0 mean: the program's default, or no limit."""

    scenario: str
    contestant: str
    # What the rows are in at the end: "plain" no index, "indexed" the readers' indexes.
    table: str = "plain"
    events: int = 0
    batch: int = USUAL_BATCH
    connections: int = 4
    in_flight: int = 16
    # Events a second that are offered, whether answers come or not; 0: as many as are answered.
    rate: int = 0
    seconds: int = 0
    tenants: int = 0
    event_bytes: int = 0
    gzip: bool = False
    tls: bool = False
    writers: int = 2
    # Rows of a segment; above 0 the run ends when everything is in sealed segments.
    segment_rows: int = 0
    # The place on a curve or among loads; what runs are grouped by, beside scenario and contestant.
    point: str = ""
    # On the data of the run before instead of empty tables.
    keep_data: bool = False

    def with_(self, **changes: object) -> "RunSpec":
        """A copy with other values."""
        return replace(self, **changes)

    def parameters(self) -> dict:
        """Everything as JSON shows it."""
        return asdict(self)

    def load_arguments(self) -> list[str]:
        """The flags of the load generator."""
        flags = ["--batch", self.batch, "--connections", self.connections, "--in-flight", self.in_flight]
        if self.rate:
            flags += ["--rate", self.rate, "--seconds", self.seconds]
        else:
            flags += ["--events", self.events]
        if self.tenants:
            flags += ["--tenants", self.tenants]
        if self.event_bytes:
            flags += ["--event-bytes", self.event_bytes]
        if self.gzip:
            flags.append("--gzip")
        return [str(flag) for flag in flags]


def batch_for(event_bytes: int) -> int:
    """The usual batch, or what fits into a message."""
    return max(1, min(USUAL_BATCH, MAX_BATCH_BYTES // max(1, event_bytes)))


def in_flight_for(connections: int, total: int = 64) -> int:
    """Batches under way on each connection, so that all together have about the same number under way."""
    return max(1, total // connections)
