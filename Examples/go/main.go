// Emits events, by unary calls or on a stream, and says what became of them. Ends with 1 unless all are stored.
//
//	DOCKET_TOKEN=dkt_… docket-emitter -address 127.0.0.1:7480 -count 1000 -mode stream
package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/local"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"

	docket "docket-emitter/docketv1"
)

const (
	batchEvents      = 500
	maxInFlight      = 16
	keepaliveTime    = 30 * time.Second
	keepaliveTimeout = 20 * time.Second
)

type totals struct {
	Enqueued  int `json:"enqueued"`
	Committed int `json:"committed"`
	Rejected  int `json:"rejected"`
	Dropped   int `json:"dropped"`
}

func main() {
	address := flag.String("address", "127.0.0.1:7480", "HOST:PORT of the collector")
	count := flag.Int("count", 10, "how many events")
	mode := flag.String("mode", "stream", "stream or unary")
	caFile := flag.String("ca-file", "", "PEM file of the authorities to trust; without it only this machine is talked to")
	flag.Parse()

	connection, err := connect(*address, *caFile)
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	client := docket.NewCollectorServiceClient(connection)
	ctx := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+os.Getenv("DOCKET_TOKEN"))

	result := totals{Enqueued: *count}
	settled := func(batch *docket.PublishRequest, verdict *docket.Verdict, err error) {
		if err != nil {
			log.Printf("batch %d was given up: %v", batch.Sequence, err)
			result.Dropped += len(batch.Events)
			return
		}
		for _, rejection := range verdict.Rejections {
			log.Printf("event %d of batch %d is in quarantine: %s: %s", rejection.Index, batch.Sequence, rejection.Field, rejection.Reason)
		}
		result.Committed += int(verdict.AcceptedCount)
		result.Rejected += len(batch.Events) - int(verdict.AcceptedCount)
	}
	batches := makeBatches(*count)
	if *mode == "unary" {
		for batch := range batches {
			verdict, err := publish(ctx, client, batch)
			settled(batch, verdict, err)
		}
	} else {
		publisher := publisher{client: client, window: maxInFlight, settled: settled}
		if err := publisher.run(ctx, batches); err != nil {
			log.Print(err)
		}
	}
	_ = json.NewEncoder(os.Stdout).Encode(result)
	if result.Committed != *count {
		os.Exit(1)
	}
}

func connect(address, caFile string) (*grpc.ClientConn, error) {
	// Refuses to send a token unencrypted to another machine.
	transport := local.NewCredentials()
	if caFile != "" {
		tls, err := credentials.NewClientTLSFromFile(caFile, "")
		if err != nil {
			return nil, err
		}
		transport = tls
	}
	// gRPC's own pauses between attempts to connect grow to two minutes otherwise.
	reconnect := grpc.ConnectParams{
		Backoff:           backoff.Config{BaseDelay: initialBackoff, Multiplier: 2, Jitter: 0.5, MaxDelay: maxBackoff},
		MinConnectTimeout: 5 * time.Second,
	}
	return grpc.Dial(address, grpc.WithTransportCredentials(transport), grpc.WithConnectParams(reconnect),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveTime, Timeout: keepaliveTimeout}))
}

// makeBatches makes events and numbers their batches. The producer's id is this process's own: one that starts again takes
// another one, and so may begin with sequence 0.
func makeBatches(count int) <-chan *docket.PublishRequest {
	batches := make(chan *docket.PublishRequest)
	producer := randomBytes(16)
	go func() {
		defer close(batches)
		for first, sequence := 0, uint64(0); first < count; first, sequence = first+batchEvents, sequence+1 {
			batch := &docket.PublishRequest{ProducerId: producer, Sequence: sequence}
			for number := first; number < count && number < first+batchEvents; number++ {
				batch.Events = append(batch.Events, newEvent(number))
			}
			batches <- batch
		}
	}()
	return batches
}

func newEvent(number int) *docket.Event {
	text := func(value string) *string { return &value }
	now := time.Now().UnixNano() / 1000
	return &docket.Event{
		EventId:      uuid7(),
		Type:         "audit.event",
		OccurredAtUs: &now,
		Actor:        &docket.Actor{Kind: text("user"), Id: text("alice")},
		Action:       text("read"),
		Resource:     &docket.Resource{Type: text("document"), Id: text(fmt.Sprint(number))},
		Outcome:      docket.Outcome_OUTCOME_SUCCESS,
		Source:       text("Examples/go"),
	}
}

// uuid7 makes a UUIDv7 (RFC 9562): 48 bits of milliseconds, then random ones but for version and variant.
func uuid7() []byte {
	id := make([]byte, 8, 16)
	binary.BigEndian.PutUint64(id, uint64(time.Now().UnixNano()/1_000_000)<<16)
	id = append(id[:6], randomBytes(10)...)
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

func randomBytes(count int) []byte {
	bytes := make([]byte, count)
	if _, err := rand.Read(bytes); err != nil {
		log.Fatal(err)
	}
	return bytes
}
