-- Who may write what: tenants, credentials, event types; and the collectors' node numbers.
-- Written by administrators, read whole by every collector. A few thousand rows at most.

CREATE TABLE docket.tenants (
    tenant_id int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug text COLLATE "C" NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE docket.tenants IS 'Isolated logs with their own credentials and event types.';
COMMENT ON COLUMN docket.tenants.tenant_id IS 'Surrogate key, used in the large tables.';
COMMENT ON COLUMN docket.tenants.slug IS 'The name in requests, queries and on the command line: 1 to 63 of a-z 0-9 . _ -';
COMMENT ON COLUMN docket.tenants.created_at IS 'When the tenant was made.';

INSERT INTO docket.tenants (slug) VALUES ('default');

CREATE TABLE docket.credentials (
    credential_id int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    scopes int4 NOT NULL CHECK (scopes > 0),
    label text COLLATE "C" NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE docket.credentials IS 'What clients show to be let in. Tokens themselves are never kept.';
COMMENT ON COLUMN docket.credentials.credential_id IS 'Surrogate key.';
COMMENT ON COLUMN docket.credentials.token_hash IS 'SHA-256 of the bearer token: 32 bytes.';
COMMENT ON COLUMN docket.credentials.scopes IS 'What it may do, as a sum: 1 publish, 2 query, 4 export, 8 admin.';
COMMENT ON COLUMN docket.credentials.label IS 'Whom it was given to, for the operator.';
COMMENT ON COLUMN docket.credentials.created_at IS 'When it was made.';

CREATE TABLE docket.credential_tenants (
    credential_id int4 NOT NULL REFERENCES docket.credentials ON DELETE CASCADE,
    tenant_id int4 NOT NULL REFERENCES docket.tenants,
    PRIMARY KEY (credential_id, tenant_id)
);
COMMENT ON TABLE docket.credential_tenants IS 'The tenants that a credential covers.';
COMMENT ON COLUMN docket.credential_tenants.credential_id IS 'The credential.';
COMMENT ON COLUMN docket.credential_tenants.tenant_id IS 'A tenant that it covers.';

CREATE TABLE docket.event_types (
    type_id int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int4 REFERENCES docket.tenants,
    name text COLLATE "C" NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 255),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (tenant_id, name)
);
COMMENT ON TABLE docket.event_types IS 'Registered event types. An event of another type is rejected.';
COMMENT ON COLUMN docket.event_types.type_id IS 'Surrogate key, used in the events table.';
COMMENT ON COLUMN docket.event_types.tenant_id IS 'The tenant that the type belongs to; NULL for a type that every tenant may use.';
COMMENT ON COLUMN docket.event_types.name IS 'The name in events, such as authz.decision.';
COMMENT ON COLUMN docket.event_types.created_at IS 'When the type was registered.';

-- Which roles, other than the collector's own reader, see which tenants.
CREATE TABLE docket.tenant_readers (
    role_name text COLLATE "C" NOT NULL,
    tenant_id int4 NOT NULL REFERENCES docket.tenants,
    PRIMARY KEY (role_name, tenant_id)
);
COMMENT ON TABLE docket.tenant_readers IS 'Which login roles may read which tenants'' logs with SQL. A role needs membership in docket_auditor too.';
COMMENT ON COLUMN docket.tenant_readers.role_name IS 'The login role, as session_user says it.';
COMMENT ON COLUMN docket.tenant_readers.tenant_id IS 'A tenant that it may read.';

-- One row; a collector compares its number with the one it loaded, which costs a single-row read.
CREATE TABLE docket.registry_version (
    is_only_row bool PRIMARY KEY DEFAULT true CHECK (is_only_row),
    version int8 NOT NULL
);
COMMENT ON TABLE docket.registry_version IS 'One row: how often the registry has changed.';
COMMENT ON COLUMN docket.registry_version.is_only_row IS 'Always true: keeps a second row out.';
COMMENT ON COLUMN docket.registry_version.version IS 'Grows with each change of tenants, credentials or event types.';
INSERT INTO docket.registry_version (version) VALUES (1);

CREATE FUNCTION docket.registry_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE docket.registry_version SET version = version + 1;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION docket.registry_changed() IS 'Trigger: counts a change of the registry.';

CREATE TRIGGER registry_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON docket.tenants
    FOR EACH STATEMENT EXECUTE FUNCTION docket.registry_changed();
CREATE TRIGGER registry_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON docket.credentials
    FOR EACH STATEMENT EXECUTE FUNCTION docket.registry_changed();
CREATE TRIGGER registry_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON docket.credential_tenants
    FOR EACH STATEMENT EXECUTE FUNCTION docket.registry_changed();
CREATE TRIGGER registry_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON docket.event_types
    FOR EACH STATEMENT EXECUTE FUNCTION docket.registry_changed();

-- The 10 node bits of batch ids are leased, so that two collectors never make the same id.
CREATE TABLE docket.collector_nodes (
    node_id int4 PRIMARY KEY CHECK (node_id BETWEEN 0 AND 1023),
    owner uuid NOT NULL,
    description text COLLATE "C" NOT NULL,
    leased_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE docket.collector_nodes IS 'Who holds which node number. An expired row stays, so that the number longest unused is given next.';
COMMENT ON COLUMN docket.collector_nodes.node_id IS 'The number in the batch ids of its holder: 0 to 1023.';
COMMENT ON COLUMN docket.collector_nodes.owner IS 'A random name of the collector process.';
COMMENT ON COLUMN docket.collector_nodes.description IS 'Host and process of the collector, for the operator.';
COMMENT ON COLUMN docket.collector_nodes.leased_at IS 'When the lease began, by the database''s clock.';
COMMENT ON COLUMN docket.collector_nodes.expires_at IS 'When the lease ends unless it is renewed, by the database''s clock.';

-- A number that was never used comes first, then the one whose lease ran out the longest ago: a former holder whose clock
-- runs ahead must not have made ids in its successor's time. NULL when all are held.
CREATE FUNCTION docket.lease_node(lease_owner uuid, lease_description text, lease_seconds int4) RETURNS int4
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_node int4;
BEGIN
    IF lease_seconds IS NULL OR lease_seconds NOT BETWEEN 1 AND 3600 THEN
        RAISE EXCEPTION 'a node lease lasts 1 to 3600 seconds, not %', lease_seconds USING ERRCODE = '22023';
    END IF;
    LOCK TABLE docket.collector_nodes IN SHARE ROW EXCLUSIVE MODE;
    SELECT candidate INTO found_node
    FROM generate_series(0, 1023) AS candidate
    LEFT JOIN docket.collector_nodes AS held ON held.node_id = candidate
    WHERE held.node_id IS NULL OR held.expires_at <= clock_timestamp()
    ORDER BY held.expires_at ASC NULLS FIRST, candidate
    LIMIT 1;
    IF found_node IS NOT NULL THEN
        INSERT INTO docket.collector_nodes AS held (node_id, owner, description, leased_at, expires_at)
        VALUES (found_node, lease_owner, left(coalesce(lease_description, ''), 200), clock_timestamp(),
            clock_timestamp() + make_interval(secs => lease_seconds))
        ON CONFLICT (node_id) DO UPDATE SET owner = excluded.owner, description = excluded.description,
            leased_at = excluded.leased_at, expires_at = excluded.expires_at;
    END IF;
    RETURN found_node;
END
$$;
COMMENT ON FUNCTION docket.lease_node(uuid, text, int4) IS 'Gives a collector a free node number for some seconds; NULL when none is free.';

-- A lease that ran out can still be renewed as long as nobody else has been given the number.
CREATE FUNCTION docket.renew_node(lease_node int4, lease_owner uuid, lease_seconds int4) RETURNS bool
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF lease_seconds IS NULL OR lease_seconds NOT BETWEEN 1 AND 3600 THEN
        RAISE EXCEPTION 'a node lease lasts 1 to 3600 seconds, not %', lease_seconds USING ERRCODE = '22023';
    END IF;
    UPDATE docket.collector_nodes
    SET expires_at = clock_timestamp() + make_interval(secs => lease_seconds)
    WHERE node_id = lease_node AND owner = lease_owner;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION docket.renew_node(int4, uuid, int4) IS 'Prolongs a lease from now on; false when the number is somebody else''s by now.';

CREATE FUNCTION docket.release_node(lease_node int4, lease_owner uuid) RETURNS bool
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE docket.collector_nodes SET expires_at = clock_timestamp()
    WHERE node_id = lease_node AND owner = lease_owner;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION docket.release_node(int4, uuid) IS 'Ends a lease at once; false when the number is somebody else''s by now.';
