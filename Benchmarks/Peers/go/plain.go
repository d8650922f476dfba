package main

import (
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v4"
)

// The rows of a group as pgx's documentation shows it: a slice of plain values for each.
func plainRows(group []*batch) pgx.CopyFromSource {
	total := 0
	for _, b := range group {
		total += len(b.accepted)
	}
	batchIndex, index := 0, 0
	return pgx.CopyFromSlice(total, func(int) ([]interface{}, error) {
		for index == len(group[batchIndex].accepted) {
			batchIndex, index = batchIndex+1, 0
		}
		b := group[batchIndex]
		row := &b.accepted[index]
		index++
		return plainValues(b.id, row)
	})
}

func plainValues(batchID int64, row *accepted) ([]interface{}, error) {
	event := row.event
	actor, resource, payload := event.Actor, event.Resource, event.Payload
	if actor == nil {
		actor = &emptyActor
	}
	if resource == nil {
		resource = &emptyResource
	}
	if payload == nil {
		payload = &emptyPayload
	}
	var delegation interface{}
	if len(event.Delegation) > 0 {
		text, err := json.Marshal(event.Delegation)
		if err != nil {
			return nil, err
		}
		delegation = text
	}
	return []interface{}{
		batchID, time.UnixMicro(*event.OccurredAtUs), [16]byte(event.EventId), int32(1), row.typeID, row.position,
		int16(event.Decision), int16(event.Outcome), event.DurationUs, event.RiskScore, payload.InSizeBytes,
		payload.OutSizeBytes, event.Scope, actor.Kind, actor.Id, actor.UserId, event.Action, resource.Type, resource.Id,
		event.Reason, event.Policy, event.SessionId, event.RequestId, event.AgentId, event.Source, event.SourceEventId,
		payload.Hash, optional(event.TraceId), optional(event.SpanId), delegation, event.Obligations,
		event.EvaluatedRules, event.Attributes,
	}, nil
}

// Bytes that may be absent: a nil slice in an interface isn't NULL to pgx.
func optional(value []byte) interface{} {
	if value == nil {
		return nil
	}
	return value
}
