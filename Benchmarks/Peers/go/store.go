package main

import (
	"context"
	"errors"
	"log"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	rpc "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"

	pb "docket/docketv1"
)

// Rows after which a writer takes no further batch into its COPY.
const maxGroupRows = 20_000

// Writes batches into the table: each writer takes what has queued up into one COPY, which is one transaction.
type store struct {
	queue chan *batch
	// As many connections as there are writers; one that is lost is replaced at its next use.
	pool        *pgxpool.Pool
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
	config, err := pgxpool.ParseConfig(conninfo)
	if err != nil {
		return nil, err
	}
	config.MinConns, config.MaxConns = int32(writers), int32(writers)
	config.ConnConfig.RuntimeParams["synchronous_commit"] = "on"
	pool, err := pgxpool.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	s := &store{
		queue: make(chan *batch, queueLength), pool: pool, table: strings.Split(table, "."), reuseValues: reuseValues,
	}
	s.writers.Add(writers)
	for i := 0; i < writers; i++ {
		go s.write(ctx)
	}
	return s, nil
}

// Waits while the queue is full.
func (s *store) submit(b *batch) { s.queue <- b }

func (s *store) close() {
	close(s.queue)
	s.writers.Wait()
	s.pool.Close()
}

func (s *store) write(ctx context.Context) {
	defer s.writers.Done()
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
		s.commit(ctx, group, rows)
	}
}

// Stores the group and answers each of its batches. Where PostgreSQL refuses a row, each batch is tried on its own.
func (s *store) commit(ctx context.Context, group []*batch, rows *rows) {
	err := s.copy(ctx, group, rows)
	if len(group) > 1 && isFaultOfData(err) {
		for i := range group {
			s.commit(ctx, group[i:i+1], rows)
		}
		return
	}
	if err != nil {
		log.Printf("a group of %d batches was not stored: %v", len(group), err)
	}
	for _, b := range group {
		b.answers <- b.response(err)
	}
}

func (s *store) copy(ctx context.Context, group []*batch, rows *rows) error {
	for {
		source := plainRows(group)
		if s.reuseValues {
			rows.start(group)
			source = rows
		}
		_, err := s.pool.CopyFrom(ctx, s.table, columns, source)
		// True for a connection that was lost while it was idle: nothing of the group has been sent, and the pool drops it.
		if !pgconn.SafeToRetry(err) {
			return err
		}
	}
}

// Whether PostgreSQL refused what a row holds (SQLSTATE classes 22 and 23), so that sending it again doesn't help.
func isFaultOfData(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && (strings.HasPrefix(refused.Code, "22") || strings.HasPrefix(refused.Code, "23"))
}

// The answer to a batch, once its transaction has ended.
func (b *batch) response(err error) *pb.PublishResponse {
	switch {
	case isFaultOfData(err):
		return refusal(b.sequence, codes.InvalidArgument, err.Error())
	case err != nil:
		return refusal(b.sequence, codes.Unavailable, err.Error())
	}
	return &pb.PublishResponse{Sequence: b.sequence, Result: &pb.PublishResponse_Verdict{Verdict: &pb.Verdict{
		AcceptedCount: uint32(len(b.accepted)), Rejections: b.rejections,
		Receipt: &pb.Receipt{BatchId: b.id, Durability: pb.Durability_DURABILITY_COMMITTED,
			ReceivedAtUs: time.Now().UnixMicro()}}}}
}

// The answer to a batch that is refused as a whole.
func refusal(sequence uint64, code codes.Code, message string) *pb.PublishResponse {
	return &pb.PublishResponse{Sequence: sequence, Result: &pb.PublishResponse_Status{
		Status: &rpc.Status{Code: int32(code), Message: message}}}
}
