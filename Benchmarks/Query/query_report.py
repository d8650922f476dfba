"""The results as text."""


def text(results: dict) -> str:
    parts = [about(results)]
    if latency := results.get("latency"):
        parts.append(latencies(latency))
    if plans := results.get("plans"):
        parts.append(explained(plans))
    if paging := results.get("paging"):
        parts.append(paged(paging))
    return "\n\n".join(parts)


def about(results: dict) -> str:
    machine, log = results["machine"], results["log"]
    return (
        f"{log['segments'] * log['rows']:,} events over {log['tenants']} tenants in {log['segments']} segments of {log['rows']:,} rows, "
        f"and a hot one; {results['settings']['rate']:,.0f} events/s meanwhile; seed {results['settings']['seed']}\n"
        f"{machine['cores']} processors ({machine['cpu']}), Linux {machine['kernel']}, PostgreSQL {results['postgres']}"
    )


def latencies(latency: dict) -> str:
    head = ["query", "answered by", "calls", "median", "p95", "p99", "max", "limit", "held"]
    rows = [head]
    for one in latency["questions"]:
        rows.append([one["kind"], one["answered_by"], f"{one['calls']:,}", *times(one), f"{one['limit_ms']:g}", held(one)])
    bare = latency["bare"]
    rows.append(["bare round trip", "the collector alone", f"{bare['calls']:,}", *times(bare), "", ""])
    rounds = latency["rounds"]
    least, most = min(one["hot_rows_from"] for one in rounds), max(one["hot_rows_to"] for one in rounds)
    rate = min(one["events_per_second"] for one in rounds)
    note = (
        f"milliseconds at a stock grpcio client, one connection; rounds: {len(rounds)}, with a hot segment of {least:,} to {most:,} rows, "
        f"{rounds[0]['sealed']} to {rounds[-1]['sealed']} sealed ones, at least {rate:,} events/s came in"
    )
    return f"{aligned(rows, left=2)}\n{note}"


def times(figures: dict) -> list[str]:
    return [f"{figures[name]:.1f}" if name in figures else "–" for name in ("median", "p95", "p99", "max")]


def held(figures: dict) -> str:
    if "p99" not in figures:
        return "not measured"
    return "yes" if figures["p99"] < figures["limit_ms"] else "NO"


def explained(plans: dict) -> str:
    lines = ["Plans, without load: EXPLAIN (ANALYZE, BUFFERS) of what the collector sent; query.json has the statements"]
    for name, statements in plans.items():
        total = sum(one["milliseconds"] for one in statements)
        lines.append(f"{name}: {total:.1f} ms in {len(statements)} statement{'s' if len(statements) != 1 else ''}")
        for one in statements:
            lines += [f"  {'- ' if scan == one['scans'][0] else '  '}{scan}" for scan in one["scans"]]
    return "\n".join(lines)


def paged(paging: list[dict]) -> str:
    names = {
        "order": "paging", "rows_at_start": "rows at start", "missing": "missing", "twice": "twice", "new": "new rows", "pages": "pages",
        "seconds": "s", "rows_per_second": "rows/s", "events_per_second": "events/s in", "segments_closed": "segments closed",
    }  # fmt: skip
    rows = [[*names.values(), "each once"]]
    for one in paging:
        # What is missing can be told only of a log that was paged through to its end.
        one = one if one["is_whole"] else one | {"missing": "–"}
        cells = [one[name] if isinstance(one[name], str) else f"{one[name]:,}" for name in names]
        is_right = one["missing"] == 0 and one["twice"] == 0
        rows.append([*cells, ("yes" if is_right else "NO") if one["is_whole"] else "broken off"])
    return aligned(rows, left=1)


def aligned(rows: list[list[str]], left: int) -> str:
    """Columns of equal width, the first so many with their text on the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) if column < left else cell.rjust(width) for column, (cell, width) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    )
