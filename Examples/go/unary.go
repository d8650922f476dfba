package main

import (
	"context"
	"time"

	"google.golang.org/grpc/status"

	docket "docket-emitter/docketv1"
)

// A collector that hangs costs no more than this.
const callTimeout = 10 * time.Second

// publish sends one batch by the unary call until it is answered: always the same batch, under the same sequence. It returns
// an error when the batch is refused for good, or the context ends: then nobody knows whether it is stored.
func publish(ctx context.Context, client docket.CollectorServiceClient, batch *docket.PublishRequest) (*docket.Verdict, error) {
	doubtful := 0
	for attempt := 1; ; attempt++ {
		call, cancel := context.WithTimeout(ctx, callTimeout)
		response, err := client.Publish(call, batch)
		cancel()
		if err == nil {
			return response.GetVerdict(), nil
		}
		refusal := status.Convert(err)
		if isDoubtful(refusal) {
			doubtful++
		}
		if isPermanent(refusal) || doubtful >= maxDoubtfulAttempts {
			return nil, err
		}
		if err := sleep(ctx, pause(attempt, refusal)); err != nil {
			return nil, err
		}
	}
}
