# The commands of this repository. `make` lists them.

.DEFAULT_GOAL := help
.PHONY: help run test build release generate generate-check format lint bench abuse fairness export-bench query-bench micro fuzz clean-data

# What `make run` imports: the whole of the sample's source when it lies beside the repository.
SAMPLE ?= $(firstword $(wildcard ../shared/data/kubernetes-audit.csv) Tests/Samples/kubernetes-audit-sample.csv)

# More arguments for the command behind a target, for example: make run ARGS=--reset
ARGS ?=

# How long each target is fuzzed, and which (all when empty).
SECONDS ?= 60
FUZZ ?=

# What the benchmark suite starts of this package.
BENCH_PRODUCTS ?= copy-loader docket grpc-swift-peer

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

run: ## install what is missing, build, start a private PostgreSQL and the collector, import a sample
	@scripts/bootstrap run
	@swift build -c release --product docket
	@exec .build/release/docket dev --import $(SAMPLE) $(ARGS)

test: ## install what is missing, run all tests, end with the counts
	@scripts/bootstrap test
	@scripts/test $(ARGS)

build: ## build everything, with debug information
	@scripts/bootstrap build
	swift build --build-tests $(ARGS)

release: ## build the optimized docket command: .build/release/docket
	@scripts/bootstrap build
	swift build -c release --product docket $(ARGS)

generate: ## regenerate Generated/ from Protos/
	@scripts/bootstrap generate
	scripts/generate

generate-check: ## fail when Generated/ isn't what Protos/ gives
	@scripts/bootstrap generate
	scripts/generate --check

format: ## format all Swift sources in place
	swift format --in-place --parallel --recursive Package.swift Sources Tests Benchmarks

lint: ## fail when a Swift source isn't formatted, breaks a rule of .swift-format, or imports upwards
	scripts/check-floors
	swift format lint --strict --parallel --recursive Package.swift Sources Tests Benchmarks

bench: ## measure a release build beside its peers: table and plots in Benchmarks/results/
	@scripts/bootstrap run
	@for product in $(BENCH_PRODUCTS); do DOCKET_BENCHMARKS=peers swift build -c release --product $$product || exit; done
	@exec Benchmarks/Suite/run $(ARGS)

fairness: ## saturate a release build with ten tenants, and measure what nine notice when one sends ten times as much
	@scripts/bootstrap test
	@swift build -c release --product docket
	@DOCKET_BINARY=$(CURDIR)/.build/release/docket PYTHONDONTWRITEBYTECODE=1 \
		exec .venv/bin/python Benchmarks/Fairness/measure.py $(ARGS)

export-bench: ## export a log beside a saturating load: what that costs ingestion, and what memory it takes
	@scripts/bootstrap test
	@swift build -c release --product docket
	@DOCKET_BINARY=$(CURDIR)/.build/release/docket PYTHONDONTWRITEBYTECODE=1 \
		exec .venv/bin/python Benchmarks/Export/measure.py $(ARGS)

query-bench: ## ask a log of 20,000,000 events while events come in: latency, plans, and paging through a tenant's log
	@scripts/bootstrap test
	@swift build -c release --product docket
	@DOCKET_BINARY=$(CURDIR)/.build/release/docket PYTHONDONTWRITEBYTECODE=1 \
		exec .venv/bin/python Benchmarks/Query/measure.py $(ARGS)

abuse: ## attack a release build in every known way, and measure what an honest neighbour notices
	@scripts/bootstrap test
	@swift build -c release --product docket
	@DOCKET_BINARY=$(CURDIR)/.build/release/docket PYTHONDONTWRITEBYTECODE=1 \
		exec .venv/bin/python Benchmarks/Abuse/measure.py $(ARGS)

micro: ## measure single steps: processor time and allocations of parsing, decoding, encoding, hashing
	@scripts/bootstrap build
	@DOCKET_BENCHMARKS=1 swift build -c release --product micro-benchmarks
	@exec .build/release/micro-benchmarks --check Benchmarks/Micro/thresholds.json $(ARGS)

fuzz: ## fuzz the parsers: make fuzz SECONDS=60 FUZZ="json copy"; all of them by default
	@scripts/bootstrap build
	@exec scripts/fuzz $(SECONDS) $(FUZZ)

clean-data: ## delete the data of `make run` (.docket/); stop it first
	@for pidfile in .docket/*/postmaster.pid .docket/postmaster.pid; do \
		if [ -f "$$pidfile" ] && [ -d "/proc/$$(head -n 1 "$$pidfile")" ]; then \
			echo "clean-data: the server of $$pidfile is running; stop 'make run' first" >&2; exit 1; \
		fi; \
	done
	rm -rf .docket
