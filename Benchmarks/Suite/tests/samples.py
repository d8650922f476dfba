"""Results as a run of the suite would have them."""

from suite.results import Results

MACHINE = {
    "cpu": "Testing Processor", "cores": 2, "is_virtual": True, "governor": "not told", "memory_gibibytes": 8.0,
    "kernel": "6.1", "system": "Debian", "file_system": "ext4 (10 GiB free)", "fdatasync_milliseconds": 0.5,
    "load_average": 0.0, "docket": "0.1.0",
}  # fmt: skip
SETTINGS = {"seconds": 5, "writers": 2, "is_quick": True}


def run(scenario: str, contestant: str, rate: float, round_index: int = 0, point: str = "", **figures: object) -> dict:
    """One good run."""
    return {
        "scenario": scenario, "contestant": contestant, "round": round_index, "point": point,
        "parameters": {"rate": 0}, "events": 1000, "seconds": 1.0, "events_per_second": rate,
        "collector_microseconds": 1.0, "postgres_microseconds": 2.0, "emitter_microseconds": 0.5,
        "p50_milliseconds": 1.0, "p99_milliseconds": 5.0, "p999_milliseconds": 9.0, "max_milliseconds": 10.0,
        "peak_mebibytes": 40.0, **figures,
    }  # fmt: skip


def results(*runs: dict, missing: dict[str, str] | None = None) -> Results:
    """With these runs, of four contestants."""
    titles = {"loader": "bare C loader", "docket": "Docket", "go": "Go", "rsyslog": "rsyslog"}
    contestants = {
        name: {"title": title, "version": "", "missing": (missing or {}).get(name, "")}
        for name, title in titles.items()
    }
    postgres = {"version": "15.1 (Debian)", "settings": {"fsync": "on"}}
    made = Results.new(MACHINE, postgres, contestants, SETTINGS, "2026-01-01 00:00 UTC")
    for one in runs:
        made.add(one)
    return made
