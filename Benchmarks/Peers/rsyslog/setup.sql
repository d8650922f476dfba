-- What a message becomes; run by the tables' owner. A function's statement is planned once a session. As an INSERT of its own, each
-- message would be parsed and planned anew, with an expression for each field that may be absent.
DO $setup$
DECLARE
  target text;
BEGIN
  FOREACH target IN ARRAY '{plain,indexed}'::text[] LOOP
    EXECUTE format($create$
CREATE OR REPLACE FUNCTION bench.add_to_%1$s(message json) RETURNS void LANGUAGE plpgsql AS $function$
BEGIN
  INSERT INTO bench.%1$s (
    batch_id, occurred_at, event_id, tenant_id, type_id, position, decision, outcome, duration_us, risk_score,
    payload_in_size_bytes, payload_out_size_bytes, scope, actor_kind, actor_id, actor_user_id, action, resource_type,
    resource_id, reason, policy, session_id, request_id, agent_id, source, source_event_id, payload_hash, trace_id,
    span_id, delegation, obligations, evaluated_rules, attributes)
  SELECT
    1, occurred_at, event_id, 1, 1, 0,
    CASE decision WHEN 'allow' THEN 1 WHEN 'deny' THEN 2 WHEN 'mask' THEN 3 ELSE 0 END,
    CASE outcome WHEN 'success' THEN 1 WHEN 'failure' THEN 2 WHEN 'error' THEN 3 ELSE 0 END,
    duration_us, risk_score, (payload->>'in_size_bytes')::int8, (payload->>'out_size_bytes')::int8, scope,
    actor->>'kind', actor->>'id', actor->>'user_id', action, resource->>'type', resource->>'id', reason, policy,
    session_id, request_id, agent_id, source, source_event_id, payload->>'hash', decode(trace_id, 'hex'),
    decode(span_id, 'hex'), delegation, obligations, evaluated_rules, attributes
  FROM json_to_record(message) AS event(
    occurred_at timestamptz, event_id uuid, decision text, outcome text, duration_us int8, risk_score float8,
    payload json, scope text, actor json, action text, resource json, reason text, policy text, session_id text,
    request_id text, agent_id text, source text, source_event_id text, trace_id text, span_id text, delegation json,
    obligations json, evaluated_rules json, attributes json);
EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
  -- As an error it would come back for ever, since rsyslog tries the whole transaction again.
  RAISE WARNING USING MESSAGE = SQLERRM, DETAIL = message;
END
$function$
$create$, target);
  END LOOP;
END
$setup$;
