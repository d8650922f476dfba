package main

import (
	"encoding/json"
	"fmt"
	"strings"

	pb "docket/docketv1"
)

// From year 1 to year 9999, in microseconds since 1970.
const (
	earliestUs = -62_135_596_800_000_000
	latestUs   = 253_402_300_799_999_999
)

// A request whose events have been checked.
type batch struct {
	id         int64
	sequence   uint64
	accepted   []accepted
	rejections []*pb.Rejection
	answers    chan<- *pb.PublishResponse
}

type accepted struct {
	event    *pb.Event
	typeID   int32
	position int32
}

func newBatch(request *pb.PublishRequest, answers chan<- *pb.PublishResponse) *batch {
	b := &batch{id: nextBatchID(), sequence: request.Sequence, answers: answers}
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
	if at := *event.OccurredAtUs; at < earliestUs || at > latestUs {
		return 0, reject("occurred_at_us", pb.RejectionCode_REJECTION_CODE_OUT_OF_RANGE, "must be from year 1 to year 9999")
	}
	if field := fieldWithNUL(event); field != "" {
		return 0, reject(field, pb.RejectionCode_REJECTION_CODE_NUL_CHARACTER, "holds U+0000")
	}
	if field := fieldWithoutJSON(event); field != "" {
		return 0, reject(field, pb.RejectionCode_REJECTION_CODE_INVALID_JSON, "is not JSON")
	}
	return typeID, nil
}

// The text field that PostgreSQL can't store; empty if there is none.
func fieldWithNUL(event *pb.Event) string {
	switch {
	case holdsNUL(event.SourceEventId):
		return "source_event_id"
	case holdsNUL(event.Scope):
		return "scope"
	case holdsNUL(event.Action):
		return "action"
	case holdsNUL(event.Reason):
		return "reason"
	case holdsNUL(event.Policy):
		return "policy"
	case holdsNUL(event.SessionId):
		return "session_id"
	case holdsNUL(event.RequestId):
		return "request_id"
	case holdsNUL(event.AgentId):
		return "agent_id"
	case holdsNUL(event.Source):
		return "source"
	case event.Payload != nil && holdsNUL(event.Payload.Hash):
		return "payload.hash"
	}
	if resource := event.Resource; resource != nil {
		switch {
		case holdsNUL(resource.Type):
			return "resource.type"
		case holdsNUL(resource.Id):
			return "resource.id"
		}
	}
	if field := actorFieldWithNUL(event.Actor); field != "" {
		return "actor." + field
	}
	for i, actor := range event.Delegation {
		if field := actorFieldWithNUL(actor); field != "" {
			return fmt.Sprintf("delegation[%d].%s", i, field)
		}
	}
	return ""
}

func actorFieldWithNUL(actor *pb.Actor) string {
	switch {
	case actor == nil:
		return ""
	case holdsNUL(actor.Kind):
		return "kind"
	case holdsNUL(actor.Id):
		return "id"
	case holdsNUL(actor.UserId):
		return "user_id"
	}
	return ""
}

func holdsNUL(text *string) bool { return text != nil && strings.IndexByte(*text, 0) >= 0 }

// The JSON field that doesn't parse; empty if there is none.
func fieldWithoutJSON(event *pb.Event) string {
	switch {
	case isBroken(event.Attributes):
		return "attributes"
	case isBroken(event.Obligations):
		return "obligations"
	case isBroken(event.EvaluatedRules):
		return "evaluated_rules"
	}
	return ""
}

func isBroken(document *string) bool { return document != nil && !json.Valid([]byte(*document)) }

func reject(field string, code pb.RejectionCode, reason string) *pb.Rejection {
	return &pb.Rejection{Field: field, Code: code, Reason: fmt.Sprintf("%s %s", field, reason)}
}
