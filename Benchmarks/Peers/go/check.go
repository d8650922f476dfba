package main

import (
	"encoding/json"
	"fmt"
	"strings"

	pb "docket/docketv1"
)

// A request whose events have been checked.
type batch struct {
	id         int64
	sequence   uint64
	accepted   []accepted
	rejections []*pb.Rejection
	answer     func(*pb.PublishResponse)
}

type accepted struct {
	event    *pb.Event
	typeID   int32
	position int32
}

func newBatch(request *pb.PublishRequest, answer func(*pb.PublishResponse)) *batch {
	b := &batch{id: nextBatchID(), sequence: request.Sequence, answer: answer}
	b.accepted = make([]accepted, 0, len(request.Events))
	for index, event := range request.Events {
		typeID, rejection := check(event)
		if rejection != nil {
			rejection.Index = uint32(index)
			b.rejections = append(b.rejections, rejection)
			continue
		}
		b.accepted = append(b.accepted, accepted{event, typeID, int32(index)})
	}
	return b
}

// The type's key, or what is wrong with the event. Protobuf has checked that text is UTF-8.
func check(event *pb.Event) (int32, *pb.Rejection) {
	if len(event.EventId) != 16 {
		return 0, reject("event_id", pb.RejectionCode_REJECTION_CODE_WRONG_LENGTH, "must be 16 bytes")
	}
	typeID, known := knownTypes[event.Type]
	if !known {
		return 0, reject("type", pb.RejectionCode_REJECTION_CODE_UNKNOWN_EVENT_TYPE, "is not registered")
	}
	if event.OccurredAtUs == nil {
		return 0, reject("occurred_at_us", pb.RejectionCode_REJECTION_CODE_MISSING_FIELD, "is missing")
	}
	for _, text := range [...]named{
		{"source_event_id", event.SourceEventId}, {"scope", event.Scope}, {"action", event.Action},
		{"reason", event.Reason}, {"policy", event.Policy}, {"session_id", event.SessionId},
		{"request_id", event.RequestId}, {"agent_id", event.AgentId}, {"source", event.Source},
	} {
		if text.holdsNUL() {
			return 0, reject(text.name, pb.RejectionCode_REJECTION_CODE_NUL_CHARACTER, "holds U+0000")
		}
	}
	for _, actor := range append([]*pb.Actor{event.Actor}, event.Delegation...) {
		if actor == nil {
			continue
		}
		for _, text := range [...]named{{"actor.kind", actor.Kind}, {"actor.id", actor.Id}, {"actor.user_id", actor.UserId}} {
			if text.holdsNUL() {
				return 0, reject(text.name, pb.RejectionCode_REJECTION_CODE_NUL_CHARACTER, "holds U+0000")
			}
		}
	}
	if resource := event.Resource; resource != nil {
		for _, text := range [...]named{{"resource.type", resource.Type}, {"resource.id", resource.Id}} {
			if text.holdsNUL() {
				return 0, reject(text.name, pb.RejectionCode_REJECTION_CODE_NUL_CHARACTER, "holds U+0000")
			}
		}
	}
	if event.Attributes != nil && !json.Valid([]byte(*event.Attributes)) {
		return 0, reject("attributes", pb.RejectionCode_REJECTION_CODE_INVALID_JSON, "is no JSON")
	}
	return typeID, nil
}

type named struct {
	name  string
	value *string
}

// Whether the text holds what PostgreSQL can't store.
func (text named) holdsNUL() bool {
	return text.value != nil && strings.IndexByte(*text.value, 0) >= 0
}

func reject(field string, code pb.RejectionCode, reason string) *pb.Rejection {
	return &pb.Rejection{Field: field, Code: code, Reason: fmt.Sprintf("%s %s", field, reason)}
}
