-- Rejected events come by binary COPY: as text they would have to be written in hexadecimal, read by the server's lexer
-- and turned back, and one tenant's rejections would cost the others their time. COPY doesn't write to a table that has
-- policies for the role that writes; it does to a view with a trigger.
CREATE VIEW docket.quarantine_intake WITH (security_invoker) AS
    SELECT batch_id, received_at, tenant_id, producer_id, sequence, position, field, code, reason, event
    FROM docket.quarantine;
COMMENT ON VIEW docket.quarantine_intake IS 'Where collectors write rejected events to.';
COMMENT ON COLUMN docket.quarantine_intake.batch_id IS 'As in docket.quarantine.';
COMMENT ON COLUMN docket.quarantine_intake.received_at IS 'As in docket.quarantine.';
COMMENT ON COLUMN docket.quarantine_intake.tenant_id IS 'As in docket.quarantine.';
COMMENT ON COLUMN docket.quarantine_intake.producer_id IS 'As in docket.quarantine.';
COMMENT ON COLUMN docket.quarantine_intake.sequence IS 'As in docket.quarantine.';
COMMENT ON COLUMN docket.quarantine_intake.position IS 'As in docket.quarantine.';
COMMENT ON COLUMN docket.quarantine_intake.field IS 'As in docket.quarantine.';
COMMENT ON COLUMN docket.quarantine_intake.code IS 'As in docket.quarantine.';
COMMENT ON COLUMN docket.quarantine_intake.reason IS 'As in docket.quarantine.';
COMMENT ON COLUMN docket.quarantine_intake.event IS 'As in docket.quarantine.';

-- Runs as the writer: it may insert into the table, and nothing else.
CREATE FUNCTION docket.take_into_quarantine() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO docket.quarantine
        (batch_id, received_at, tenant_id, producer_id, sequence, position, field, code, reason, event)
    VALUES (NEW.batch_id, NEW.received_at, NEW.tenant_id, NEW.producer_id, NEW.sequence, NEW.position, NEW.field,
        NEW.code, NEW.reason, NEW.event);
    RETURN NEW;
END $$;
COMMENT ON FUNCTION docket.take_into_quarantine() IS 'Writes a row of docket.quarantine_intake to docket.quarantine.';
REVOKE ALL ON FUNCTION docket.take_into_quarantine() FROM PUBLIC;

CREATE TRIGGER take_into_quarantine INSTEAD OF INSERT ON docket.quarantine_intake
    FOR EACH ROW EXECUTE FUNCTION docket.take_into_quarantine();
GRANT INSERT ON docket.quarantine_intake TO docket_writer;
