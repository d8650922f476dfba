"""The table that peers write to, as `docket bench tables` makes it."""

from suite.server import PrivatePostgres, Session

INTEGERS = "duration_us payload_in_size_bytes payload_out_size_bytes"
TEXTS = (
    "scope actor_kind actor_id actor_user_id action resource_type resource_id reason policy session_id request_id agent_id"
    " source source_event_id payload_hash"
)
COLUMNS = [
    "batch_id int8 NOT NULL", "occurred_at timestamptz NOT NULL", "event_id uuid NOT NULL", "tenant_id int4 NOT NULL",
    "type_id int4 NOT NULL", "position int4 NOT NULL", "decision int2 NOT NULL", "outcome int2 NOT NULL",
    *(f"{name} int8" for name in INTEGERS.split()), "risk_score float8",
    *(f'{name} text COLLATE "C"' for name in TEXTS.split()), "trace_id bytea", "span_id bytea",
    *(f"{name} json" for name in ("delegation", "obligations", "evaluated_rules", "attributes")),
    # What no check of a service knows of.
    "CONSTRAINT scope CHECK (scope <> 'refused')",
]  # fmt: skip


def make_tables(server: PrivatePostgres) -> None:
    """bench.plain, with a rule."""
    session = Session(server)
    session.ask(f"CREATE SCHEMA bench; CREATE TABLE bench.plain ({', '.join(COLUMNS)})")
    session.close()
