-- One sealed segment; measure.py fills in the names in braces. exp(u * ln(n)) follows Zipf's law, nearly: value k comes with a
-- probability near 1 / k. A few values of each key with few values are rare. Sessions, requests and traces lie close in time.
SELECT setseed(0.5);
INSERT INTO docket.tenants (slug) SELECT 'tenant-' || n FROM generate_series(2, 21) AS n;
INSERT INTO docket.event_types (name) SELECT 'type-' || n FROM generate_series(1, 16) AS n;
INSERT INTO {leaf} (batch_id, occurred_at, event_id, tenant_id, type_id, position, decision, outcome, duration_us,
    payload_in_size_bytes, scope, actor_kind, actor_id, action, resource_type, resource_id, policy, session_id,
    request_id, agent_id, source, trace_id, span_id, attributes)
SELECT ((millis / 50 * 50 - 1577836800000) << 22) + i / 200, to_timestamp(millis / 1000 + random()),
    ({event_id})::uuid,
    CASE WHEN i % ({rows} / 40) = 7 THEN 21 ELSE exp(u * ln(20.99))::numeric::int4 END,
    CASE WHEN i % ({rows} / 20) = 3 THEN 15 ELSE exp(random() * ln(14.4))::numeric::int4 END,
    i % 200, CASE WHEN random() < 0.03 THEN 2 ELSE 1 END, 1, 1000 * random(), 4000 * random(),
    CASE WHEN i % ({rows} / 30) = 5 THEN 'ws-rare' ELSE 'ws-' || exp(random() * ln(50))::int4 END, 'user',
    'user-' || exp(random() * ln(20000))::int4, 'document.read',
    CASE WHEN i % ({rows} / 30) = 9 THEN 'tape' ELSE 'kind-' || exp(random() * ln(12))::int4 END,
    'doc-' || substr(md5(exp(random() * ln(200000))::int4::text), 1, 14), 'policy-' || i % 9,
    's_' || substr(md5(session::text), 1, 20), md5(((i + 30 * random()) / 3)::int4::text)::uuid::text,
    CASE WHEN random() < 0.5 THEN 'agent-' || exp(random() * ln(200))::int4 END, 'gateway-' || i % 4,
    decode(md5('t' || ((i + 50 * random()) / 5)::int4), 'hex'), decode(substr(md5('s' || i), 1, 16), 'hex'),
    '{{"ip": "10.0.0.1", "region": "eu-west-1", "latency_class": "interactive"}}'
FROM (SELECT i, session, (hashint4(session) & 1048575) / 1048576.0::float8 AS u, 1767225600000 + i * 20 AS millis
    FROM (SELECT i, ((i + 4000 * random()) / 20)::int4 AS session FROM generate_series(0, {rows} - 1) AS i) AS s) AS r;
ALTER TABLE {leaf} ADD CONSTRAINT sealed_at CHECK (occurred_at >= '{first}' AND occurred_at <= '2027-01-01Z');
ANALYZE docket.tenants; ANALYZE docket.event_types; VACUUM (FREEZE, ANALYZE) {leaf}; CHECKPOINT;
