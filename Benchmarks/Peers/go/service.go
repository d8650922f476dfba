package main

import (
	"context"
	"crypto/subtle"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "docket/docketv1"
)

// The types that the service knows, by name: their keys in the table.
var knownTypes = map[string]int32{"authz.decision": 1}

type service struct {
	store *store
	token string
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
	s.store.submit(newBatch(request, func(response *pb.PublishResponse) { answers <- response }))
	response := <-answers
	if failure := response.GetStatus(); failure != nil {
		return nil, status.Error(codes.Code(failure.Code), failure.Message)
	}
	return response, nil
}

// Receives while earlier batches are committed. Send isn't safe for concurrent use, so one goroutine does it.
func (s *service) publishStream(stream grpc.ServerStream) error {
	if err := s.authorize(stream.Context()); err != nil {
		return err
	}
	answers := make(chan *pb.PublishResponse, queueLength)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		failed := false
		for response := range answers {
			if !failed && stream.SendMsg(response) != nil {
				failed = true
			}
		}
	}()
	var underway sync.WaitGroup
	var failure error
	for {
		request := new(pb.PublishRequest)
		if err := stream.RecvMsg(request); err != nil {
			if err != io.EOF {
				failure = err
			}
			break
		}
		underway.Add(1)
		s.store.submit(newBatch(request, func(response *pb.PublishResponse) {
			answers <- response
			underway.Done()
		}))
	}
	underway.Wait()
	close(answers)
	<-sent
	return failure
}
