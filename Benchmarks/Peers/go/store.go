package main

import (
	"context"
	"log"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	rpc "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"

	"github.com/jackc/pgx/v4"

	pb "docket/docketv1"
)

// Rows after which a writer takes no further batch into its COPY.
const maxGroupRows = 20_000

// Writes batches into the table: each writer takes what has queued up into one COPY, which is one transaction.
type store struct {
	queue       chan *batch
	table       pgx.Identifier
	reuseValues bool
	writers     sync.WaitGroup
}

var lastBatchID atomic.Int64

// A number that rises, also over a restart.
func nextBatchID() int64 {
	for {
		last := lastBatchID.Load()
		next := time.Now().UnixMicro()
		if next <= last {
			next = last + 1
		}
		if lastBatchID.CompareAndSwap(last, next) {
			return next
		}
	}
}

func openStore(ctx context.Context, conninfo, table string, writers int, reuseValues bool) (*store, error) {
	s := &store{queue: make(chan *batch, queueLength), table: pgx.Identifier(strings.Split(table, ".")), reuseValues: reuseValues}
	for i := 0; i < writers; i++ {
		connection, err := pgx.Connect(ctx, conninfo)
		if err != nil {
			return nil, err
		}
		s.writers.Add(1)
		go s.write(ctx, connection)
	}
	return s, nil
}

// Waits while the queue is full.
func (s *store) submit(b *batch) { s.queue <- b }

func (s *store) close() {
	close(s.queue)
	s.writers.Wait()
}

func (s *store) write(ctx context.Context, connection *pgx.Conn) {
	defer s.writers.Done()
	defer connection.Close(ctx)
	group := make([]*batch, 0, queueLength)
	rows := newRows()
	for first := range s.queue {
		group = append(group[:0], first)
		count := len(first.accepted)
	gather:
		for count < maxGroupRows {
			select {
			case next, isOpen := <-s.queue:
				if !isOpen {
					break gather
				}
				group = append(group, next)
				count += len(next.accepted)
			default:
				break gather
			}
		}
		source := plainRows(group)
		if s.reuseValues {
			rows.start(group)
			source = rows
		}
		_, err := connection.CopyFrom(ctx, s.table, columns, source)
		if err != nil {
			log.Printf("a group of %d batches was not stored: %v", len(group), err)
		}
		for _, b := range group {
			b.answer(b.response(err))
		}
	}
}

// The answer to a batch, once its transaction has ended.
func (b *batch) response(err error) *pb.PublishResponse {
	if err != nil {
		return &pb.PublishResponse{Sequence: b.sequence, Result: &pb.PublishResponse_Status{
			Status: &rpc.Status{Code: int32(codes.Unavailable), Message: err.Error()}}}
	}
	return &pb.PublishResponse{Sequence: b.sequence, Result: &pb.PublishResponse_Verdict{Verdict: &pb.Verdict{
		AcceptedCount: uint32(len(b.accepted)), Rejections: b.rejections,
		Receipt: &pb.Receipt{BatchId: b.id, Durability: pb.Durability_DURABILITY_COMMITTED,
			ReceivedAtUs: time.Now().UnixMicro()}}}}
}
