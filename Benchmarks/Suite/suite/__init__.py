"""The end-to-end benchmarks: all contestants in turn on one machine, in front of one durable PostgreSQL."""
