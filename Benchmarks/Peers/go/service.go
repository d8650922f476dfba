package main

import (
	"context"
	"crypto/subtle"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "docket/docketv1"
)

// The types that the service knows, by name: their keys in the table.
var knownTypes = map[string]int32{"authz.decision": 1}

const (
	// Events that one request may hold, as the protocol has it.
	maxBatchEvents = 10_000
	// Requests that one stream may have in work: more wait in its flow-control window.
	maxUnderway = 64
)

type service struct {
	store *store
	token string
	// Closed when the service is to end: streams take no further request then.
	stopping chan struct{}
}

// What protoc-gen-go-grpc would generate.
var serviceDescription = grpc.ServiceDesc{
	ServiceName: "docket.v1.CollectorService",
	HandlerType: (*interface{})(nil),
	Methods: []grpc.MethodDesc{{
		MethodName: "Publish",
		Handler: func(server interface{}, ctx context.Context, decode func(interface{}) error, _ grpc.UnaryServerInterceptor) (interface{}, error) {
			request := new(pb.PublishRequest)
			if err := decode(request); err != nil {
				return nil, err
			}
			return server.(*service).publish(ctx, request)
		},
	}},
	Streams: []grpc.StreamDesc{{
		StreamName:    "PublishStream",
		ServerStreams: true,
		ClientStreams: true,
		Handler: func(server interface{}, stream grpc.ServerStream) error {
			return server.(*service).publishStream(stream)
		},
	}},
}

func (s *service) authorize(ctx context.Context) error {
	if s.token == "" {
		return nil
	}
	fields, _ := metadata.FromIncomingContext(ctx)
	for _, value := range fields.Get("authorization") {
		if subtle.ConstantTimeCompare([]byte(value), []byte("Bearer "+s.token)) == 1 {
			return nil
		}
	}
	return status.Error(codes.Unauthenticated, "the token is unknown")
}

func (s *service) publish(ctx context.Context, request *pb.PublishRequest) (*pb.PublishResponse, error) {
	if err := s.authorize(ctx); err != nil {
		return nil, err
	}
	answers := make(chan *pb.PublishResponse, 1)
	s.submit(request, answers)
	response := <-answers
	if failure := response.GetStatus(); failure != nil {
		return nil, status.Error(codes.Code(failure.Code), failure.Message)
	}
	return response, nil
}

// Sees to it that the request gets its answer; waits while the queue is full.
func (s *service) submit(request *pb.PublishRequest, answers chan<- *pb.PublishResponse) {
	if count := len(request.Events); count == 0 || count > maxBatchEvents {
		answers <- refusal(request.Sequence, codes.InvalidArgument, fmt.Sprintf("%d events; 1 to %d are allowed", count, maxBatchEvents))
		return
	}
	s.store.submit(newBatch(request, answers))
}

// Receives while earlier batches are committed; answers go out in the order of the commits.
func (s *service) publishStream(stream grpc.ServerStream) error {
	if err := s.authorize(stream.Context()); err != nil {
		return err
	}
	// Each request holds a slot until its answer is sent. There is room for all answers, so no client holds up a writer.
	slots := make(chan struct{}, maxUnderway)
	answers := make(chan *pb.PublishResponse, maxUnderway)
	go func() {
		for response := range answers {
			// A failure ends the stream, which the receiver sees too.
			_ = stream.SendMsg(response)
			<-slots
		}
	}()
	received := make(chan error, 1)
	go func() { received <- s.receive(stream, slots, answers) }()
	var ending error
	select {
	case ending = <-received:
	case <-s.stopping:
		ending = status.Error(codes.Unavailable, "the service is shutting down")
	}
	// Having all slots means that every answer is sent, and that the receiver can't go on.
	for i := 0; i < maxUnderway; i++ {
		slots <- struct{}{}
	}
	close(answers)
	return ending
}

// Hands requests on until the stream ends; nil when the client has closed it.
func (s *service) receive(stream grpc.ServerStream, slots chan<- struct{}, answers chan<- *pb.PublishResponse) error {
	for {
		request := new(pb.PublishRequest)
		if err := stream.RecvMsg(request); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		select {
		case slots <- struct{}{}:
			s.submit(request, answers)
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}
