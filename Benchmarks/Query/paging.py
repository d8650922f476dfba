"""Pages through the whole log of a tenant while events come in, into that log as well."""

import argparse
import sys
import time
from collections import Counter

from client import Client
from docket.v1 import audit_log_pb2
from filled_site import NEVER, Site

PAGE = 1_000
ORDERS = {"newest first": audit_log_pb2.ORDER_NEWEST_FIRST, "oldest first": audit_log_pb2.ORDER_OLDEST_FIRST}
SQL_SECONDS = 600
REPORT_EVERY_PAGES = 100


def run(site: Site, options: argparse.Namespace) -> list[dict]:
    """Both orders. Segments are closed and sealed meanwhile, as they are when nobody is paging."""
    site.wait_until_sealed()
    site.set_segment_rows(site.log.rows)
    try:
        return [page_through(site, order, options) for order in ORDERS]
    finally:
        site.set_segment_rows(NEVER)


def page_through(site: Site, order: str, options: argparse.Namespace) -> dict:
    tenant, closed, seen = site.log.loud[0], site.hot()[0], Counter()
    with Client(site.address, site.token) as client, site.steady_load() as load:
        load.wait_for([tenant])
        existing, last_us = rows_of(site, tenant)
        pages, token, start, is_whole = 0, b"", time.monotonic(), False
        while not is_whole and time.monotonic() - start < options.paging_seconds:
            page = client.query(tenant=tenant, order=ORDERS[order], page_size=PAGE, page_token=token)
            seen.update((one.batch_id, one.position) for one in page.events)
            pages, token = pages + 1, page.next_page_token
            # Oldest first there is no end while events come in; behind the newest of those that existed there are none of them.
            is_past = order == "oldest first" and page.events and page.events[-1].event.occurred_at_us > last_us
            is_whole = not token or is_past
            if pages % REPORT_EVERY_PAGES == 0:
                print(f"{order}: {seen.total():,} rows, {time.monotonic() - start:,.0f} s", file=sys.stderr, flush=True)
        seconds = time.monotonic() - start
        rate = load.rate
        load.finish()
    return {
        "order": order, "is_whole": is_whole, "rows_at_start": len(existing), "rows": seen.total(), "pages": pages,
        "missing": len(existing - seen.keys()), "twice": sum(count > 1 for count in seen.values()),
        "new": len(seen.keys() - existing), "seconds": round(seconds, 1), "rows_per_second": round(seen.total() / seconds),
        "events_per_second": round(rate), "segments_closed": site.hot()[0] - closed,
    }  # fmt: skip


def rows_of(site: Site, tenant: str) -> tuple[set[tuple[int, int]], int]:
    """All rows of a tenant in one snapshot, and when the newest of them happened."""
    tenant_id = site.cluster.sql(f"SELECT tenant_id FROM docket.tenants WHERE slug = '{tenant}'")[0][0]
    rows = site.cluster.sql(
        f"SELECT batch_id, position, (extract(epoch FROM occurred_at) * 1000000)::int8 FROM docket.events WHERE tenant_id = {tenant_id}",
        timeout=SQL_SECONDS,
    )
    return {(int(batch), int(position)) for batch, position, _ in rows}, max(int(at) for _, _, at in rows)
