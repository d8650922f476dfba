-- Each tenant's log: its batches in an order without gaps. Writers fill docket.batches; the appender, of which there is
-- one at a time, gives each committed batch the next index of its tenant.

-- The transaction that stored a batch lets the appender find what has been committed since its last snapshot, without
-- looking at anything older. NULL in rows that were stored before this column existed.
ALTER TABLE docket.batches
    ADD COLUMN segment_id int4,
    ADD COLUMN commit_xid xid8;
ALTER TABLE docket.batches ALTER COLUMN commit_xid SET DEFAULT pg_current_xact_id();
CREATE INDEX batches_commit_xid ON docket.batches (commit_xid) WHERE commit_xid IS NOT NULL;
COMMENT ON COLUMN docket.batches.segment_id IS 'The segment that its events were written to.';
COMMENT ON COLUMN docket.batches.commit_xid IS 'The transaction that stored it.';

CREATE TABLE docket.log_entries (
    log_index int8 NOT NULL,
    batch_id int8 NOT NULL,
    sequence int8 NOT NULL,
    producer_id uuid NOT NULL,
    tenant_id int4 NOT NULL,
    segment_id int4,
    event_count int4 NOT NULL,
    accepted_count int4 NOT NULL,
    removed_at timestamptz,
    root bytea NOT NULL,
    PRIMARY KEY (tenant_id, log_index)
);
-- Ids rise with time, and so does the log, nearly: 16 bytes or so for each 32 pages, instead of as much a row.
CREATE INDEX log_entries_batch_id ON docket.log_entries USING brin (batch_id) WITH (pages_per_range = 32, autosummarize = on);
COMMENT ON TABLE docket.log_entries IS 'The tenants'' logs: the leaves of their Merkle trees, which are never removed.';
COMMENT ON COLUMN docket.log_entries.log_index IS 'The batch''s place in its tenant''s log, from 0, without gaps.';
COMMENT ON COLUMN docket.log_entries.batch_id IS 'The collector''s number for the batch: see docket.received_at.';
COMMENT ON COLUMN docket.log_entries.sequence IS 'The producer''s number for the batch.';
COMMENT ON COLUMN docket.log_entries.producer_id IS 'The emitting process.';
COMMENT ON COLUMN docket.log_entries.tenant_id IS 'The tenant whose log it is.';
COMMENT ON COLUMN docket.log_entries.segment_id IS 'The segment that the events were written to; NULL when that isn''t known.';
COMMENT ON COLUMN docket.log_entries.event_count IS 'How many events the batch carried.';
COMMENT ON COLUMN docket.log_entries.accepted_count IS 'How many of them were stored.';
COMMENT ON COLUMN docket.log_entries.removed_at IS 'When retention removed the events of this batch alone; NULL otherwise. Those of a retiring or dropped segment are gone too.';
COMMENT ON COLUMN docket.log_entries.root IS 'Merkle root (RFC 6962, SHA-256) over the stored events.';

-- One row. NULL: nothing is known of an earlier snapshot, so that all batches are compared with the log.
CREATE TABLE docket.appender (
    is_only_row bool PRIMARY KEY DEFAULT true CHECK (is_only_row),
    snapshot pg_snapshot
);
COMMENT ON TABLE docket.appender IS 'One row: how far the log has been written.';
COMMENT ON COLUMN docket.appender.is_only_row IS 'Always true: keeps a second row out.';
COMMENT ON COLUMN docket.appender.snapshot IS 'Every batch that this snapshot sees is in the log.';
INSERT INTO docket.appender DEFAULT VALUES;

-- What remains of batches that are older than the replay window.
CREATE TABLE docket.producer_floors (
    tenant_id int4 NOT NULL,
    producer_id uuid NOT NULL,
    floor int8 NOT NULL,
    PRIMARY KEY (tenant_id, producer_id)
);
COMMENT ON TABLE docket.producer_floors IS 'The highest sequence of each producer that is no longer in docket.batches.';
COMMENT ON COLUMN docket.producer_floors.tenant_id IS 'The tenant that the producer wrote to.';
COMMENT ON COLUMN docket.producer_floors.producer_id IS 'The emitting process.';
COMMENT ON COLUMN docket.producer_floors.floor IS 'A batch with this sequence or a lower one is refused: it may have been stored before.';

-- Called in the transaction that stores batches, after their rows: a row whose key had been removed by then can only have
-- gone in because the removal had committed, and with it the floor that this sees.
CREATE FUNCTION docket.check_floors(tenants int4[], producers uuid[], sequences int8[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM unnest(tenants, producers, sequences) AS batch (tenant_id, producer_id, sequence)
        JOIN docket.producer_floors AS known USING (tenant_id, producer_id)
        WHERE batch.sequence <= known.floor
    ) THEN
        RAISE EXCEPTION 'a sequence is not above its producer''s floor' USING ERRCODE = 'DK001';
    END IF;
END
$$;
COMMENT ON FUNCTION docket.check_floors(int4[], uuid[], int8[]) IS
    'Fails with SQLSTATE DK001 when one of the batches is too old to be told from a replay.';

-- Writers COPY into batches, which row-level security would refuse; readers read the log instead.
DROP POLICY visible ON docket.batches;
DROP POLICY collector_reads ON docket.batches;
DROP POLICY collector_writes ON docket.batches;
ALTER TABLE docket.batches DISABLE ROW LEVEL SECURITY;
REVOKE SELECT ON docket.batches FROM docket_reader, docket_auditor;

ALTER TABLE docket.log_entries ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON docket.log_entries FOR SELECT TO docket_reader, docket_auditor
    USING (tenant_id = ANY ((SELECT docket.visible_tenant_ids())::int4[]));
GRANT SELECT ON docket.log_entries TO docket_reader, docket_auditor;
GRANT SELECT ON docket.producer_floors TO docket_writer;
REVOKE ALL ON FUNCTION docket.check_floors(int4[], uuid[], int8[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION docket.check_floors(int4[], uuid[], int8[]) TO docket_writer;
