// An audit ingest service as a good Go team writes it: grpc-go in front of pgx's CopyFrom. It speaks docket.v1, so that
// one load generator measures it and Docket alike.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // Accepts compressed requests.
)

// Requests that wait for a writer: more make the senders wait, which HTTP/2's flow control passes on to the clients.
const queueLength = 256

// How long what is under way may take once the service is to end.
const stopTimeout = 10 * time.Second

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to serve gRPC on")
	conninfo := flag.String("postgres", "", "connection string of the database")
	table := flag.String("table", "bench.plain", "schema.table to insert into")
	writers := flag.Int("writers", 2, "database connections")
	readyFile := flag.String("ready-file", "", "file to write the address to once it serves")
	token := flag.String("token", "", "bearer token that streams must carry; empty to let everyone in")
	reuseValues := flag.Bool("reuse-values", false, "encode all rows from one set of values instead of new ones for each")
	flag.Parse()

	store, err := openStore(context.Background(), *conninfo, *table, *writers, *reuseValues)
	if err != nil {
		log.Fatalf("cannot connect to PostgreSQL: %v", err)
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatalf("cannot listen: %v", err)
	}
	// Windows and buffers that hold several batches: with grpc-go's defaults of 64 and 32 KiB each batch takes many turns.
	server := grpc.NewServer(
		grpc.InitialWindowSize(1<<20), grpc.InitialConnWindowSize(4<<20),
		grpc.ReadBufferSize(256<<10), grpc.WriteBufferSize(64<<10), grpc.MaxRecvMsgSize(16<<20))
	service := &service{store: store, token: *token, stopping: make(chan struct{})}
	server.RegisterService(&serviceDescription, service)
	if err := writeReadyFile(*readyFile, listener.Addr().String()); err != nil {
		log.Fatalf("cannot write the ready file: %v", err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		close(service.stopping)
		// A client that doesn't read its answers can't keep the service from ending.
		time.AfterFunc(stopTimeout, server.Stop)
		server.GracefulStop()
	}()
	if err := server.Serve(listener); err != nil {
		log.Fatalf("cannot serve: %v", err)
	}
	store.close()
}

// Writes the file in one step, so that nobody reads half of it.
func writeReadyFile(path, address string) error {
	if path == "" {
		return nil
	}
	content, err := json.Marshal(map[string]interface{}{"grpc": address, "pid": os.Getpid()})
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", content, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
