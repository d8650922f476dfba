package main

import (
	"context"
	"errors"
	"io"
	"log"
	"sort"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	docket "docket-emitter/docketv1"
)

// publisher pipelines batches on one PublishStream, and on another one when that is lost.
type publisher struct {
	client docket.CollectorServiceClient
	// How many batches are kept and not settled: sent, or waiting for another attempt.
	window int
	// Called once for each batch: with its verdict, or with why it was given up.
	settled func(batch *docket.PublishRequest, verdict *docket.Verdict, err error)

	batches  <-chan *docket.PublishRequest
	pending  map[uint64]*pendingBatch
	failures int
	// Batches of which one may have ended a stream. They go one at a time; the one that is alone then is at fault.
	suspects map[uint64]bool
	// Bounds what is wasted on a collector that fails (gRFC A6): a failure takes a token, a success gives a tenth back, and while
	// no more than half are left, one batch at a time shows whether it is worth sending more.
	tenthsOfTokens int
}

const maxTenthsOfTokens = 100

type pendingBatch struct {
	request  *docket.PublishRequest
	inFlight bool
	// When it may be sent again after a refusal.
	due                time.Time
	attempts, doubtful int
}

// run publishes until the channel is closed and all of its batches are settled, or the context ends.
func (p *publisher) run(ctx context.Context, batches <-chan *docket.PublishRequest) error {
	p.batches, p.pending, p.suspects = batches, map[uint64]*pendingBatch{}, map[uint64]bool{}
	p.tenthsOfTokens = maxTenthsOfTokens
	for p.batches != nil || len(p.pending) > 0 {
		// A stream is opened when there is something to send.
		if len(p.pending) == 0 && !p.take(ctx) {
			continue
		}
		end, isFromCollector := p.runStream(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if p.batches == nil && len(p.pending) == 0 {
			return nil
		}
		log.Printf("the stream is lost, %d batches aren't answered: %v", len(p.pending), end.Err())
		if err := sleep(ctx, p.lost(end, isFromCollector)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// take waits for a new batch, and says whether there was one.
func (p *publisher) take(ctx context.Context) bool {
	select {
	case request, ok := <-p.batches:
		p.add(request, ok)
		return ok
	case <-ctx.Done():
		p.batches = nil
		return false
	}
}

func (p *publisher) add(request *docket.PublishRequest, ok bool) {
	if !ok {
		p.batches = nil
		return
	}
	p.pending[request.Sequence] = &pendingBatch{request: request}
}

// runStream works on one stream until it ends, and returns how; and whether the collector said so: what gRPC makes up has no
// trailers.
func (p *publisher) runStream(ctx context.Context) (*status.Status, bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := p.client.PublishStream(ctx)
	if err != nil {
		return status.Convert(err), false
	}
	// Room for all that can come, so that whoever receives never waits for whoever sends.
	answers := make(chan *docket.PublishResponse, p.window)
	ended := make(chan error, 1)
	go func() {
		for {
			answer, err := stream.Recv()
			if err != nil {
				ended <- err
				return
			}
			answers <- answer
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	isHalfClosed := false
	for {
		p.sendDue(stream)
		if p.batches == nil && len(p.pending) == 0 && !isHalfClosed {
			isHalfClosed = true
			_ = stream.CloseSend()
		}
		var batches <-chan *docket.PublishRequest
		if len(p.pending) < p.window {
			batches = p.batches
		}
		if due, ok := p.nextDue(); ok {
			timer.Reset(time.Until(due))
		}
		select {
		case request, ok := <-batches:
			p.add(request, ok)
		case answer := <-answers:
			p.answered(answer)
		case <-timer.C:
		case err := <-ended:
			for len(answers) > 0 {
				p.answered(<-answers)
			}
			if errors.Is(err, io.EOF) {
				return status.New(codes.Unavailable, "the collector ended the stream"), false
			}
			return status.Convert(err), stream.Trailer().Len() > 0
		}
	}
}

// sendDue sends what may be sent, in order.
func (p *publisher) sendDue(stream docket.CollectorService_PublishStreamClient) {
	inFlight := 0
	due := make([]uint64, 0, len(p.pending))
	for sequence, batch := range p.pending {
		if batch.inFlight {
			inFlight++
		} else if !time.Now().Before(batch.due) {
			due = append(due, sequence)
		}
	}
	sort.Slice(due, func(i, j int) bool { return due[i] < due[j] })
	isCautious := len(p.suspects) > 0 || p.tenthsOfTokens <= maxTenthsOfTokens/2
	for _, sequence := range due {
		if isCautious && inFlight > 0 {
			return
		}
		// Waits for the collector's flow control. An error is the stream's end, of which Recv says why.
		_ = stream.Send(p.pending[sequence].request)
		p.pending[sequence].inFlight = true
		inFlight++
	}
}

// nextDue says when the next refused batch may be sent again, if there is one.
func (p *publisher) nextDue() (time.Time, bool) {
	var next time.Time
	for _, batch := range p.pending {
		if !batch.inFlight && time.Now().Before(batch.due) && (next.IsZero() || batch.due.Before(next)) {
			next = batch.due
		}
	}
	return next, !next.IsZero()
}

func (p *publisher) answered(answer *docket.PublishResponse) {
	batch := p.pending[answer.Sequence]
	if batch == nil {
		return
	}
	if verdict := answer.GetVerdict(); verdict != nil {
		p.succeeded()
		p.settle(batch, verdict, nil)
		return
	}
	// A refused batch is followed by another attempt under the same sequence, or given up. The stream goes on.
	refusal := status.FromProto(answer.GetStatus())
	p.spend()
	batch.attempts++
	if isDoubtful(refusal) {
		batch.doubtful++
	}
	if isPermanent(refusal) || batch.doubtful >= maxDoubtfulAttempts {
		p.settle(batch, nil, refusal.Err())
		return
	}
	delete(p.suspects, answer.Sequence)
	batch.inFlight = false
	batch.due = time.Now().Add(pause(batch.attempts, refusal))
}

func (p *publisher) succeeded() {
	p.failures = 0
	if p.tenthsOfTokens < maxTenthsOfTokens {
		p.tenthsOfTokens++
	}
}

func (p *publisher) spend() {
	if p.tenthsOfTokens -= 10; p.tenthsOfTokens < 0 {
		p.tenthsOfTokens = 0
	}
}

func (p *publisher) settle(batch *pendingBatch, verdict *docket.Verdict, err error) {
	delete(p.pending, batch.request.Sequence)
	delete(p.suspects, batch.request.Sequence)
	p.settled(batch.request, verdict, err)
}

// lost has all that isn't answered sent again, under the same sequences, and returns the pause before.
func (p *publisher) lost(end *status.Status, isFromCollector bool) time.Duration {
	var unanswered []*pendingBatch
	for _, batch := range p.pending {
		if batch.inFlight {
			unanswered = append(unanswered, batch)
		}
		batch.inFlight = false
	}
	if isFromCollector && blamesBatch(end) && len(unanswered) > 0 {
		// Each such end brings the culprit nearer, so the pause needn't grow.
		p.failures = 1
		if len(unanswered) == 1 {
			p.settle(unanswered[0], nil, end.Err())
		} else {
			for _, batch := range unanswered {
				p.suspects[batch.request.Sequence] = true
			}
		}
	} else {
		p.failures++
		p.spend()
	}
	return pause(p.failures, end)
}
