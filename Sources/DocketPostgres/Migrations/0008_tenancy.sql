-- The states of tenants and the lives of credentials; what changes of either, in the tenants' own logs.

ALTER TABLE docket.tenants
    ADD COLUMN display_name text COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(display_name) <= 255),
    ADD COLUMN state text COLLATE "C" NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended', 'closing'));
COMMENT ON COLUMN docket.tenants.display_name IS 'What people call it.';
COMMENT ON COLUMN docket.tenants.state IS 'active; suspended: nothing is written or read; closing: reading goes on, nothing is written.';

ALTER TABLE docket.credentials
    ADD COLUMN covers_all_tenants bool NOT NULL DEFAULT false,
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN revoked_at timestamptz,
    ADD COLUMN replaces int4 REFERENCES docket.credentials;
COMMENT ON COLUMN docket.credentials.scopes IS 'What it may do, as a sum: 1 publish, 2 query, 4 export, 8 admin, 16 import.';
COMMENT ON COLUMN docket.credentials.covers_all_tenants IS 'It covers every tenant there is, and those to come; docket.credential_tenants has none of it then.';
COMMENT ON COLUMN docket.credentials.expires_at IS 'From when on it is no longer good; NULL: never by itself.';
COMMENT ON COLUMN docket.credentials.revoked_at IS 'When it was revoked; NULL: it was not. A revoked one stays, so that the log can be understood.';
COMMENT ON COLUMN docket.credentials.replaces IS 'The credential that it was made for in a rotation.';

-- Apart from the credentials, so that using one is no change of the registry.
CREATE TABLE docket.credential_uses (
    credential_id int4 PRIMARY KEY REFERENCES docket.credentials ON DELETE CASCADE,
    last_used_at timestamptz NOT NULL
);
COMMENT ON TABLE docket.credential_uses IS 'When each credential was last used, as far as collectors have said so by now.';
COMMENT ON COLUMN docket.credential_uses.credential_id IS 'The credential.';
COMMENT ON COLUMN docket.credential_uses.last_used_at IS 'When a collector last let it in, by that collector''s clock; about a minute late.';
ALTER TABLE docket.credential_uses ENABLE ROW LEVEL SECURITY;

CREATE FUNCTION docket.note_credential_uses(ids int4[], times_us int8[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO docket.credential_uses AS known (credential_id, last_used_at)
    SELECT used.id, least(timestamptz 'epoch' + used.at_us * interval '1 microsecond', clock_timestamp())
    FROM unnest(ids, times_us) AS used (id, at_us) JOIN docket.credentials AS c ON c.credential_id = used.id
    ORDER BY used.id
    ON CONFLICT (credential_id) DO UPDATE SET last_used_at = excluded.last_used_at
    WHERE known.last_used_at < excluded.last_used_at
$$;
COMMENT ON FUNCTION docket.note_credential_uses(int4[], int8[]) IS 'Notes when credentials were last used, in microseconds since 1970; unknown ones are left out.';
REVOKE ALL ON FUNCTION docket.note_credential_uses(int4[], int8[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION docket.note_credential_uses(int4[], int8[]) TO docket_writer;

-- Collectors that listen hear of a change at once; a look at the version now and then finds what they missed.
CREATE OR REPLACE FUNCTION docket.registry_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE docket.registry_version SET version = version + 1;
    PERFORM pg_notify('docket_registry', '');
    RETURN NULL;
END
$$;

INSERT INTO docket.event_types (tenant_id, name, is_reserved)
SELECT NULL, name, true
FROM unnest(ARRAY['docket.tenant.changed', 'docket.credential.changed', 'docket.event_type.changed']) AS name
ON CONFLICT (tenant_id, name) DO UPDATE SET is_reserved = true;
