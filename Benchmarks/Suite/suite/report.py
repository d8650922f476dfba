"""table.md: what was measured, in tables, with what a reader has to know about it."""

from .figures import ratio
from .growth import AXES, LONG
from .machine import one_line
from .noise import note as disturbances
from .results import Results
from .scenarios import LATENCY_LOADS, equal_latency_ratio
from .table import cell, markdown, number, times


def report(results: Results) -> str:
    """The whole text."""
    parts = [_head(results)]
    for make in (_burst, _indexed, _single, _latency, _growth, _ratios, _notes):
        text = make(results)
        if text:
            parts.append(text)
    return "\n\n".join(parts) + "\n"


def _head(results: Results) -> str:
    content = results.content
    machine, settings = content["machine"], content["settings"]
    server = ", ".join(f"{name} {value}" for name, value in content["postgres"]["settings"].items())
    return "\n".join([
        "# Figures of the benchmark suite",
        "",
        f"{content['date']}. {one_line(machine)}; a block is durable after {machine['fdatasync_milliseconds']:.2f} ms.",
        f"PostgreSQL {content['postgres']['version']}: {server}.",
        f"Docket {machine['docket']}. {settings['seconds']:g} s a run, {settings['writers']} writers"
        f"{', the quick run' if settings['is_quick'] else ''}. Figures are medians, with least and most in brackets;",
        "CPU is user and system time of whole processes in µs an event; everything shares the same cores.",
    ])  # fmt: skip


def _cpu_cells(results: Results, scenario: str, name: str, point: str = "") -> list[str]:
    return [
        cell(results.spread(scenario, name, f"{part}_microseconds", point), 2)
        for part in ("collector", "postgres", "emitter")
    ] + [cell(results.total_microseconds(scenario, name, point), 2)]


CPU_HEADER = ["collector CPU", "PostgreSQL CPU", "emitter CPU", "all CPU"]


def _burst(results: Results) -> str:
    names = results.contestants("burst")
    if not names:
        return ""
    loader = results.spread("burst", "loader", "events_per_second")
    rows = []
    for name in names:
        rate = results.spread("burst", name, "events_per_second")
        part = ratio(rate, loader)
        rows.append([
            results.title(name), cell(rate), "–" if part is None else f"{part * 100:.0f} %",
            *_cpu_cells(results, "burst", name), cell(results.spread("burst", name, "peak_mebibytes")),
        ])  # fmt: skip
    header = ["", "events/s", "of the loader", *CPU_HEADER, "peak MiB"]
    return "## Burst: batches of 500 on 4 connections, no index\n\n" + markdown(header, rows)


def _indexed(results: Results) -> str:
    names = results.contestants("indexed")
    if not names:
        return ""
    docket = results.spread("indexed", "docket", "events_per_second")
    rows = []
    for name in names:
        rate = results.spread("indexed", name, "events_per_second")
        rows.append([
            results.title(name), cell(results.spread("indexed", name, "events")), cell(rate),
            times(ratio(docket, rate)) if name != "docket" else "–", *_cpu_cells(results, "indexed", name),
            cell(results.spread("indexed", name, "acknowledged_per_second")),
            cell(results.spread("indexed", name, "sealed_segments")),
        ])  # fmt: skip
    header = ["", "events", "events/s", "Docket reaches", *CPU_HEADER, "acknowledged/s", "segments"]
    return (
        "## Sustained: until everything has the indexes that readers get\n\n"
        "Docket's time ends when the last segment is sealed and frozen; the others keep the same indexes up.\n\n"
        + markdown(header, rows)
    )


def _single(results: Results) -> str:
    names = results.contestants("single")
    if not names:
        return ""

    def row(title: str, scenario: str, name: str) -> list[str]:
        return [
            title, *(cell(results.spread(scenario, name, "events_per_second"), 0) for _ in range(1)),
            *(cell(results.spread(scenario, name, f"{part}_milliseconds"), 2) for part in ("p50", "p99")),
            *_cpu_cells(results, scenario, name),
        ]  # fmt: skip

    rows = [row(results.title(name), "single", name) for name in names]
    if results.contestants("single-rate"):
        rows.append(row("Docket, offered 2 × Go's rate", "single-rate", "docket"))
    header = ["", "events/s", "p50 ms", "p99 ms", *CPU_HEADER]
    return "## Batches of one event: 4 connections, 64 under way on each\n\n" + markdown(header, rows)


def _latency(results: Results) -> str:
    rows = []
    for name in results.contestants("latency"):
        for load in LATENCY_LOADS:
            point = f"{load}"
            if not results.values("latency", name, "p50_milliseconds", point):
                continue
            offered = [run["parameters"]["rate"] for run in results.runs
                       if (run["scenario"], run["contestant"], run["point"]) == ("latency", name, point)]  # fmt: skip
            rows.append([
                results.title(name), f"{load} %", number(offered[0]),
                cell(results.spread("latency", name, "events_per_second", point)),
                *(cell(results.spread("latency", name, f"{part}_milliseconds", point), 2)
                  for part in ("p50", "p99", "p999", "max")),
            ])  # fmt: skip
    if not rows:
        return ""
    header = ["", "load", "offered/s", "events/s", "p50 ms", "p99 ms", "p99.9 ms", "max ms"]
    return (
        "## Acknowledgement latency at a share of each one's own saturation\n\n"
        "Open loop: counted from the moment at which a batch was due.\n\n" + markdown(header, rows)
    )


def _growth(results: Results) -> str:
    parts = []
    for axis in (*AXES, LONG):
        rows = []
        for name in results.contestants(axis.scenario):
            for point in results.points(axis.scenario):
                if results.values(axis.scenario, name, "events_per_second", point):
                    rows.append([
                        results.title(name), f"{int(point):,}" if point.isdigit() else point,
                        cell(results.spread(axis.scenario, name, "events_per_second", point)),
                        *_cpu_cells(results, axis.scenario, name, point),
                        cell(results.spread(axis.scenario, name, "p99_milliseconds", point), 1),
                        cell(results.spread(axis.scenario, name, "peak_mebibytes", point)),
                    ])  # fmt: skip
        if rows:
            header = ["", axis.title, "events/s", *CPU_HEADER, "p99 ms", "peak MiB"]
            parts.append(f"### By {axis.title}\n\n" + markdown(header, rows))
    return "## Growth\n\n" + "\n\n".join(parts) if parts else ""


def _ratios(results: Results) -> str:
    def rate(scenario: str, name: str) -> object:
        return results.spread(scenario, name, "events_per_second")

    docket = rate("burst", "docket")
    loader = ratio(docket, rate("burst", "loader"))
    lines = [] if loader is None else [f"- Burst: Docket reaches {loader * 100:.0f} % of the bare loader's events/s."]
    for name in results.contestants("burst"):
        if name not in ("docket", "loader") and docket:
            lines.append(f"- Burst: Docket reaches {times(ratio(docket, rate('burst', name)))} {results.title(name)}.")
    for name in results.contestants("indexed"):
        sustained = ratio(rate("indexed", "docket"), rate("indexed", name))
        if name != "docket" and sustained is not None:
            lines.append(f"- Sustained, sealing included: {times(sustained)} {results.title(name)}, same indexes.")
    collectors = [results.spread("burst", name, "collector_microseconds") for name in ("docket", "go")]
    if ratio(*collectors) is not None:
        lines.append(f"- Collector CPU an event: {ratio(*collectors) * 100:.0f} % of Go's.")
    single = ratio(rate("single", "docket"), rate("single", "go"))
    if single is not None:
        lines.append(f"- Batches of one event, at saturation: {times(single)} Go.")
    if equal_latency_ratio(results) is not None:
        p99 = ratio(results.spread("single-rate", "docket", "p99_milliseconds"),
                    results.spread("single", "go", "p99_milliseconds"))  # fmt: skip
        lines.append(
            f"- Batches of one event, offered a rate: Docket acknowledges {times(equal_latency_ratio(results))} Go's "
            f"saturation at {times(p99)} Go's p99 there."
        )
    for axis in AXES:
        values = [results.spread(axis.scenario, "docket", "collector_microseconds", point)
                  for point in results.points(axis.scenario)]  # fmt: skip
        if axis.name in ("connections", "tenants") and len(values) > 1 and all(values):
            change = (values[-1].median / values[0].median - 1) * 100
            lines.append(f"- Collector CPU an event, from fewest to most {axis.title}: {change:+.0f} %.")
    return "## Ratios within this run\n\n" + "\n".join(lines) if lines else ""


def _notes(results: Results) -> str:
    lines = [f"- {note}" for note in (*results.notes, disturbances(results.runs)) if note]
    for name, contestant in results.content["contestants"].items():
        if contestant["missing"]:
            lines.append(f"- {results.title(name)} was not measured: {contestant['missing']}.")
        elif contestant["version"]:
            lines.append(f"- {results.title(name)}: {contestant['version']}.")
    for run in results.failed_runs:
        where = ", ".join(part for part in (run["scenario"], run["point"]) if part)
        title = results.title(run["contestant"])
        lines.append(f"- FAILED: {title} ({where}, round {run['round'] + 1}): {run['error']}")
    return "## Notes\n\n" + "\n".join(lines) if lines else ""
