-- What events of a type must be like, by versions; and how strict a tenant is about it.

-- Tenants that take the same pack share its definitions.
CREATE TABLE docket.event_type_definitions (
    definition_id int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    content_hash bytea NOT NULL UNIQUE CHECK (octet_length(content_hash) = 32),
    body text COLLATE "C" NOT NULL CHECK (octet_length(body) BETWEEN 2 AND 65536)
);
COMMENT ON TABLE docket.event_type_definitions IS 'Definitions of event types, each content once; they are never changed.';
COMMENT ON COLUMN docket.event_type_definitions.definition_id IS 'Surrogate key.';
COMMENT ON COLUMN docket.event_type_definitions.content_hash IS 'SHA-256 of the body.';
COMMENT ON COLUMN docket.event_type_definitions.body IS 'The definition as it was applied: JSON, as docs/event-types.md describes it.';

CREATE TABLE docket.event_type_versions (
    type_id int4 NOT NULL REFERENCES docket.event_types ON DELETE CASCADE,
    version int4 NOT NULL CHECK (version >= 1),
    definition_id int4 NOT NULL REFERENCES docket.event_type_definitions,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (type_id, version)
);
COMMENT ON TABLE docket.event_type_versions IS 'All versions of event types that have been applied.';
COMMENT ON COLUMN docket.event_type_versions.type_id IS 'The event type.';
COMMENT ON COLUMN docket.event_type_versions.version IS 'The version that the definition names.';
COMMENT ON COLUMN docket.event_type_versions.definition_id IS 'What it says.';
COMMENT ON COLUMN docket.event_type_versions.applied_at IS 'When it was applied, the last time that its content changed.';

ALTER TABLE docket.event_types ADD COLUMN definition_id int4 REFERENCES docket.event_type_definitions;
COMMENT ON COLUMN docket.event_types.definition_id IS 'What its events must be like, by the newest version; NULL: nothing is asked of them.';

ALTER TABLE docket.tenants ADD COLUMN event_type_mode text COLLATE "C" NOT NULL DEFAULT 'enforce'
    CHECK (event_type_mode IN ('enforce', 'observe', 'open'));
COMMENT ON COLUMN docket.tenants.event_type_mode IS 'enforce: what breaks its definition, or has none, is rejected; observe: counted; open: not looked at.';

ALTER TABLE docket.event_type_definitions ENABLE ROW LEVEL SECURITY;
ALTER TABLE docket.event_type_versions ENABLE ROW LEVEL SECURITY;
CREATE POLICY collector ON docket.event_type_definitions FOR SELECT TO docket_writer USING (true);
GRANT SELECT ON docket.event_type_definitions TO docket_writer;
