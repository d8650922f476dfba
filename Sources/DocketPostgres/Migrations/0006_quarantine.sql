-- Rejected events get a number, so that an operator can name them, and say where they came from.

ALTER TABLE docket.quarantine
    ADD COLUMN quarantine_id int8 GENERATED ALWAYS AS IDENTITY,
    ADD COLUMN producer_id uuid,
    ADD COLUMN sequence int8,
    ADD PRIMARY KEY (quarantine_id);
COMMENT ON COLUMN docket.quarantine.quarantine_id IS 'Names it on the command line; rises in the order of arrival, nearly.';
COMMENT ON COLUMN docket.quarantine.producer_id IS 'The emitting process; NULL in rows of before this column existed.';
COMMENT ON COLUMN docket.quarantine.sequence IS 'The producer''s number for the batch that it came with.';
