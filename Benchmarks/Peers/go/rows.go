package main

import (
	"encoding/json"
	"time"

	"github.com/jackc/pgtype"

	pb "docket/docketv1"
)

var columns = []string{
	"batch_id", "occurred_at", "event_id", "tenant_id", "type_id", "position", "decision", "outcome", "duration_us",
	"risk_score", "payload_in_size_bytes", "payload_out_size_bytes", "scope", "actor_kind", "actor_id", "actor_user_id",
	"action", "resource_type", "resource_id", "reason", "policy", "session_id", "request_id", "agent_id", "source",
	"source_event_id", "payload_hash", "trace_id", "span_id", "delegation", "obligations", "evaluated_rules", "attributes",
}

// Where the columns of each type begin.
const (
	firstText   = 12
	firstBytes  = 27
	firstJSON   = 29
	columnCount = 33
)

// A pgx.CopyFromSource over a group of batches whose values are made once and filled anew for each row.
type rows struct {
	group        []*batch
	batch, index int
	values       []interface{}

	batchID, duration, sizeIn, sizeOut pgtype.Int8
	occurredAt                         pgtype.Timestamptz
	eventID                            pgtype.UUID
	tenantID, typeID, position         pgtype.Int4
	decision, outcome                  pgtype.Int2
	riskScore                          pgtype.Float8
	texts                              [firstBytes - firstText]pgtype.Text
	bytes                              [firstJSON - firstBytes]pgtype.Bytea
	// PostgreSQL receives json as it receives text; pgtype.JSON would want a copy as bytes.
	jsons [columnCount - firstJSON]pgtype.Text
}

func newRows() *rows {
	r := &rows{}
	r.values = []interface{}{
		&r.batchID, &r.occurredAt, &r.eventID, &r.tenantID, &r.typeID, &r.position, &r.decision, &r.outcome, &r.duration,
		&r.riskScore, &r.sizeIn, &r.sizeOut,
	}
	for i := range r.texts {
		r.values = append(r.values, &r.texts[i])
	}
	for i := range r.bytes {
		r.values = append(r.values, &r.bytes[i])
	}
	for i := range r.jsons {
		r.values = append(r.values, &r.jsons[i])
	}
	return r
}

func (r *rows) start(group []*batch) { r.group, r.batch, r.index = group, 0, -1 }

func (r *rows) Next() bool {
	r.index++
	for r.batch < len(r.group) && r.index == len(r.group[r.batch].accepted) {
		r.batch, r.index = r.batch+1, 0
	}
	return r.batch < len(r.group)
}

func (r *rows) Err() error { return nil }

func (r *rows) Values() ([]interface{}, error) {
	b := r.group[r.batch]
	row := &b.accepted[r.index]
	event := row.event
	r.batchID = pgtype.Int8{Int: b.id, Status: pgtype.Present}
	r.occurredAt = pgtype.Timestamptz{Time: time.UnixMicro(*event.OccurredAtUs), Status: pgtype.Present}
	r.eventID = pgtype.UUID{Bytes: [16]byte(event.EventId), Status: pgtype.Present}
	r.tenantID = pgtype.Int4{Int: 1, Status: pgtype.Present}
	r.typeID = pgtype.Int4{Int: row.typeID, Status: pgtype.Present}
	r.position = pgtype.Int4{Int: row.position, Status: pgtype.Present}
	r.decision = pgtype.Int2{Int: int16(event.Decision), Status: pgtype.Present}
	r.outcome = pgtype.Int2{Int: int16(event.Outcome), Status: pgtype.Present}
	r.duration = integer(event.DurationUs)
	r.riskScore = pgtype.Float8{Status: pgtype.Null}
	if event.RiskScore != nil {
		r.riskScore = pgtype.Float8{Float: *event.RiskScore, Status: pgtype.Present}
	}
	payload := event.Payload
	if payload == nil {
		payload = &emptyPayload
	}
	r.sizeIn, r.sizeOut = integer(payload.InSizeBytes), integer(payload.OutSizeBytes)
	r.fillTexts(event, payload)
	r.bytes[0], r.bytes[1] = binary(event.TraceId), binary(event.SpanId)
	if err := r.fillDelegation(event.Delegation); err != nil {
		return nil, err
	}
	r.jsons[1], r.jsons[2], r.jsons[3] = text(event.Obligations), text(event.EvaluatedRules), text(event.Attributes)
	return r.values, nil
}

var (
	emptyPayload  pb.Payload
	emptyActor    pb.Actor
	emptyResource pb.Resource
)

func (r *rows) fillTexts(event *pb.Event, payload *pb.Payload) {
	actor, resource := event.Actor, event.Resource
	if actor == nil {
		actor = &emptyActor
	}
	if resource == nil {
		resource = &emptyResource
	}
	for i, value := range [...]*string{
		event.Scope, actor.Kind, actor.Id, actor.UserId, event.Action, resource.Type, resource.Id, event.Reason,
		event.Policy, event.SessionId, event.RequestId, event.AgentId, event.Source, event.SourceEventId, payload.Hash,
	} {
		r.texts[i] = text(value)
	}
}

func (r *rows) fillDelegation(chain []*pb.Actor) error {
	r.jsons[0] = pgtype.Text{Status: pgtype.Null}
	if len(chain) == 0 {
		return nil
	}
	document, err := json.Marshal(chain)
	if err != nil {
		return err
	}
	r.jsons[0] = pgtype.Text{String: string(document), Status: pgtype.Present}
	return nil
}

func text(value *string) pgtype.Text {
	if value == nil {
		return pgtype.Text{Status: pgtype.Null}
	}
	return pgtype.Text{String: *value, Status: pgtype.Present}
}

func integer(value *int64) pgtype.Int8 {
	if value == nil {
		return pgtype.Int8{Status: pgtype.Null}
	}
	return pgtype.Int8{Int: *value, Status: pgtype.Present}
}

func binary(value []byte) pgtype.Bytea {
	if value == nil {
		return pgtype.Bytea{Status: pgtype.Null}
	}
	return pgtype.Bytea{Bytes: value, Status: pgtype.Present}
}
