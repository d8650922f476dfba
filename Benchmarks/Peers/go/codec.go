package main

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/protobuf/proto"
)

// Debian's grpc-go encodes with the first protobuf API for Go, which doesn't know messages of today's generator: this is
// the codec that later versions of grpc-go have.
type codec struct{}

func init() { encoding.RegisterCodec(codec{}) }

func (codec) Name() string                          { return "proto" }
func (codec) Marshal(v interface{}) ([]byte, error) { return proto.Marshal(v.(proto.Message)) }
func (codec) Unmarshal(data []byte, v interface{}) error {
	return proto.Unmarshal(data, v.(proto.Message))
}
