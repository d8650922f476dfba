package main

import (
	"context"
	"math/rand"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The retry rule: what a status means for a batch. docs/client/other-languages.md has it in words.

const (
	initialBackoff = 50 * time.Millisecond
	maxBackoff     = 10 * time.Second
	maxRetryDelay  = time.Hour
	// How often a batch is tried that the collector refuses by a fault of its own: the batch may be what trips it.
	maxDoubtfulAttempts = 5
)

// The pause that the collector asks for, if it asks for one.
func retryDelay(refusal *status.Status) (time.Duration, bool) {
	for _, detail := range refusal.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			delay := time.Duration(info.GetRetryDelay().GetSeconds())*time.Second +
				time.Duration(info.GetRetryDelay().GetNanos())
			if delay < 0 || delay > maxRetryDelay {
				delay = maxRetryDelay
			}
			return delay, true
		}
	}
	return 0, false
}

// Whether a limit was overstepped that stays where it is, rather than one that the load of the moment overstepped.
func isOverFixedLimit(refusal *status.Status) bool {
	_, asksForPause := retryDelay(refusal)
	return refusal.Code() == codes.ResourceExhausted && !asksForPause
}

// Whether the same batch would be refused again.
func isPermanent(refusal *status.Status) bool {
	switch refusal.Code() {
	case codes.Unavailable, codes.Aborted, codes.DeadlineExceeded, codes.Canceled, codes.Internal, codes.Unknown:
		return false
	case codes.ResourceExhausted:
		return isOverFixedLimit(refusal)
	default:
		return true
	}
}

// Whether the collector failed: that may pass, or be the batch's doing.
func isDoubtful(refusal *status.Status) bool {
	return refusal.Code() == codes.Internal || refusal.Code() == codes.Unknown
}

// Whether a stream that the collector ended so ended because of one of its batches.
func blamesBatch(refusal *status.Status) bool {
	switch refusal.Code() {
	case codes.InvalidArgument, codes.OutOfRange, codes.AlreadyExists, codes.FailedPrecondition:
		return true
	default:
		return isOverFixedLimit(refusal)
	}
}

// The pause after so many failures in a row: exponential, with full jitter, and no shorter than the collector asks for.
func pause(failures int, refusal *status.Status) time.Duration {
	longest := maxBackoff
	if failures < 10 {
		longest = initialBackoff << (failures - 1)
	}
	if longest > maxBackoff {
		longest = maxBackoff
	}
	backoff := time.Duration(rand.Int63n(int64(longest)))
	if delay, ok := retryDelay(refusal); ok && delay > backoff {
		return delay
	}
	return backoff
}

// Waits, unless the context ends before.
func sleep(ctx context.Context, duration time.Duration) error {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
