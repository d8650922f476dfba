// swift-tools-version: 6.2
import PackageDescription

// MARK: Settings

/// With DOCKET_FUZZING=1 in the environment the package is built for fuzzing, with coverage for libFuzzer and with
/// AddressSanitizer, and has the executable `docket-fuzz` (scripts/fuzz).
let isFuzzing = Context.environment["DOCKET_FUZZING"] == "1"

/// The language settings of every target: one constant, so that no room drifts from the others.
let houseSettings: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]
    + (isFuzzing ? [.unsafeFlags(["-sanitize=fuzzer,address"])] : [])
    // Warnings stop a CI build; at a developer's desk they stay warnings.
    + (Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)])

/// The settings of a target that touches C: every unsafe expression says so.
let bridgeSettings = houseSettings + [.strictMemorySafety()]

// MARK: Products of other packages

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let asn1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")
let certificateReloading = Target.Dependency.product(name: "NIOCertificateReloading", package: "swift-nio-extras")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let instrumentation = Target.Dependency.product(name: "Instrumentation", package: "swift-distributed-tracing")
let jwtKit = Target.Dependency.product(name: "JWTKit", package: "jwt-kit")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let inMemoryTracing = Target.Dependency.product(name: "InMemoryTracing", package: "swift-distributed-tracing")
let tracing = Target.Dependency.product(name: "Tracing", package: "swift-distributed-tracing")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let x509 = Target.Dependency.product(name: "X509", package: "swift-certificates")

// MARK: The house, floor by floor (docs/architecture.md). A target imports from lower floors only.

let package = Package(
    name: "docket",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "DocketClient", targets: ["DocketClient"]),
        // For C (docs/client/c.md): libdocket-client.so and libdocket-client-static.a.
        .library(name: "docket-client", type: .dynamic, targets: ["DocketCInterface"]),
        .library(name: "docket-client-static", type: .static, targets: ["DocketCInterface"]),
        .executable(name: "docket", targets: ["docket"]),
        .executable(name: "copy-loader", targets: ["copy-loader"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // Floor 0: C.
        .systemLibrary(name: "CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
        .systemLibrary(name: "CLibcrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .target(name: "CHashLanes"),
        .systemLibrary(name: "CMalloc"),
        .systemLibrary(name: "CLibpq", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CProtobufC", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CDocketClient"),
        .target(name: "CDocketProtos", dependencies: ["CProtobufC"], path: "Generated", publicHeadersPath: "include"),

        // Threads and what they wait on, for the targets that block.
        .target(name: "DocketThreads", swiftSettings: bridgeSettings),

        // Floor 1: values and pure functions; the journal's files.
        .target(name: "DocketModel", swiftSettings: houseSettings),
        .target(name: "DocketHeaders", swiftSettings: houseSettings),
        .target(name: "DocketMerkle", dependencies: ["CHashLanes", "CLibcrypto"], swiftSettings: bridgeSettings),
        .target(name: "DocketCompression", dependencies: ["CZlib"], swiftSettings: bridgeSettings),
        .target(name: "DocketJournal", dependencies: ["CZlib", "DocketThreads"], swiftSettings: bridgeSettings),
        .target(name: "DocketTerminal", swiftSettings: houseSettings),

        // Floor 2: protocol machines and codecs; no I/O.
        .target(name: "DocketHTTP2", dependencies: ["CNghttp2", "DocketHeaders"], swiftSettings: bridgeSettings),
        .target(
            name: "DocketGRPC", dependencies: ["DocketCompression", "DocketHeaders"], swiftSettings: houseSettings),
        .target(
            name: "DocketMessages", dependencies: ["CDocketProtos", "CProtobufC", "DocketModel"],
            resources: [.embedInCode("Descriptors.binpb")],
            swiftSettings: bridgeSettings),
        .target(
            name: "DocketCodec", dependencies: ["CDocketProtos", "CProtobufC", "DocketMerkle", "DocketModel"],
            swiftSettings: bridgeSettings),
        .target(name: "DocketRegistry", dependencies: ["DocketModel", crypto], swiftSettings: houseSettings),
        .target(
            name: "DocketEvents", dependencies: ["DocketMerkle", "DocketModel", instrumentation],
            swiftSettings: houseSettings),
        .target(name: "DocketImport", dependencies: ["DocketModel", crypto], swiftSettings: houseSettings),

        // Floor 3: what the codec's events must keep; who callers are; I/O and the shape of a store.
        .target(
            name: "DocketAuthentication", dependencies: ["DocketModel", "DocketRegistry", asn1, crypto, jwtKit, x509],
            swiftSettings: houseSettings),
        .target(
            name: "DocketEventTypes", dependencies: ["DocketCodec", "DocketModel"], swiftSettings: houseSettings),
        .target(
            name: "DocketTransport",
            dependencies: [
                "DocketGRPC", "DocketHTTP2", "DocketHeaders", heap, logging, metrics, nioCore, nioPosix, nioSSL, nioTLS,
            ],
            swiftSettings: houseSettings),
        .target(
            name: "DocketStore", dependencies: ["DocketCodec", "DocketModel", "DocketRegistry"],
            swiftSettings: houseSettings),
        // Events for benchmarks.
        .target(name: "SyntheticLoad", dependencies: ["DocketCodec", "DocketModel"], swiftSettings: houseSettings),

        // Floor 4: remote calls and PostgreSQL.
        .target(
            name: "DocketRPC",
            dependencies: ["DocketGRPC", "DocketHeaders", "DocketMessages", "DocketTransport", logging, nioCore],
            swiftSettings: houseSettings),
        .target(
            name: "DocketPostgres",
            dependencies: [
                "CLibpq", "DocketCodec", "DocketEventTypes", "DocketModel", "DocketRegistry", "DocketStore",
                "DocketThreads", coreMetrics, crypto, logging,
            ],
            resources: [.embedInCode("Migrations")],
            swiftSettings: bridgeSettings),

        // Floor 5: the collector, what its operator sees, and what emitters link.
        .target(
            name: "DocketCollector",
            dependencies: [
                "DocketAuthentication", "DocketCodec", "DocketEventTypes", "DocketGRPC", "DocketHeaders",
                "DocketMessages", "DocketModel", "DocketRPC", "DocketRegistry", "DocketStore", "DocketTransport",
                logging, metrics, serviceLifecycle,
            ],
            swiftSettings: houseSettings),
        .target(
            name: "DocketOperations",
            dependencies: [
                "DocketModel", "DocketTerminal", "DocketTransport", configuration, coreMetrics, hummingbird, logging,
                nioCore, serviceLifecycle,
            ],
            swiftSettings: houseSettings),
        .target(
            name: "DocketClient",
            dependencies: [
                "DocketCodec", "DocketEvents", "DocketGRPC", "DocketHeaders", "DocketJournal", "DocketMessages",
                "DocketModel", "DocketRPC", "DocketTransport", logging, metrics, nioCore, nioPosix, serviceLifecycle,
            ],
            swiftSettings: houseSettings),

        // A private PostgreSQL for development, tests and benchmarks.
        .target(name: "DevCluster", swiftSettings: houseSettings),

        // Floor 6: a whole collector, wired together.
        .target(
            name: "DocketRuntime",
            dependencies: [
                "CMalloc", "DocketAuthentication", "DocketCollector", "DocketMessages", "DocketModel",
                "DocketOperations", "DocketPostgres", "DocketRPC", "DocketRegistry", "DocketStore", "DocketTransport",
                argumentParser, certificateReloading, configuration, logging, metrics,
                serviceLifecycle, unixSignals, x509,
            ],
            swiftSettings: houseSettings),

        // What emitters link that aren't written in Swift.
        .target(
            name: "DocketCInterface",
            dependencies: ["CDocketClient", "DocketClient", "DocketModel", "DocketThreads", logging],
            swiftSettings: bridgeSettings),

        // Floor 7: the command.
        .executableTarget(
            name: "docket",
            dependencies: [
                "DevCluster", "DocketClient", "DocketCodec", "DocketCollector", "DocketEventTypes", "DocketGRPC",
                "DocketHeaders", "DocketImport", "DocketJournal", "DocketMessages", "DocketModel", "DocketOperations",
                "DocketPostgres", "DocketRPC", "DocketRegistry",
                "DocketRuntime", "DocketStore", "DocketTerminal", "DocketTransport", "SyntheticLoad", argumentParser,
                crypto,
                histogram, logging, nioCore, nioPosix, serviceLifecycle,
            ],
            swiftSettings: houseSettings),

        // Benchmarks.
        .executableTarget(name: "copy-loader", dependencies: ["CLibpq"], path: "Benchmarks/CopyLoader"),

        // The tests mirror the targets.
        .target(
            name: "DocketTestSupport", dependencies: ["DocketModel"], path: "Tests/Support",
            swiftSettings: houseSettings),
        // What is fuzzed, also by the tests: over the kept corpus.
        .target(
            name: "DocketFuzzing",
            dependencies: [
                "CDocketProtos", "CProtobufC", "DocketAuthentication", "DocketCodec", "DocketCompression",
                "DocketEventTypes", "DocketGRPC", "DocketHTTP2", "DocketHeaders", "DocketImport", "DocketJournal",
                "DocketMerkle", "DocketMessages", "DocketModel", "DocketRegistry", "DocketTestSupport", crypto,
            ],
            path: "Tests/Fuzz/Harness", swiftSettings: bridgeSettings),
        .testTarget(
            name: "DocketEventsTests",
            dependencies: [
                "DocketTestSupport", "DocketClient", "DocketCodec", "DocketEventTypes", "DocketEvents", "DocketMerkle",
                "DocketModel", inMemoryTracing, instrumentation, tracing,
            ],
            swiftSettings: houseSettings),
        .testTarget(
            name: "DocketFuzzingTests", dependencies: ["DocketFuzzing"], swiftSettings: houseSettings),
        .testTarget(name: "DevClusterTests", dependencies: ["DevCluster"], swiftSettings: houseSettings),
        .testTarget(
            name: "DocketAuthenticationTests",
            dependencies: [
                "DocketTestSupport", "DocketAuthentication", "DocketModel", "DocketRegistry", asn1, crypto, x509,
            ],
            swiftSettings: houseSettings),
        .testTarget(
            name: "DocketClientTests",
            dependencies: [
                "DocketTestSupport", "DocketClient", "DocketCodec", "DocketGRPC", "DocketMessages", "DocketModel",
                "DocketRPC", "DocketTransport", logging, nioCore, nioPosix,
            ],
            swiftSettings: houseSettings),
        .testTarget(
            name: "DocketCodecTests",
            dependencies: [
                "DocketTestSupport", "CDocketProtos", "CProtobufC", "DocketCodec", "DocketMerkle", "DocketModel",
            ],
            swiftSettings: houseSettings),
        .testTarget(
            name: "DocketCollectorTests",
            dependencies: [
                "DocketTestSupport", "DocketCodec", "DocketCollector", "DocketGRPC", "DocketMessages", "DocketModel",
                "DocketRegistry", "DocketStore",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: houseSettings),
        .testTarget(
            name: "DocketCompressionTests", dependencies: ["DocketTestSupport", "DocketCompression"],
            swiftSettings: houseSettings),
        .testTarget(
            name: "DocketEventTypesTests",
            dependencies: [
                "DocketTestSupport", "DocketCodec", "DocketEventTypes", "DocketImport", "DocketModel", "SyntheticLoad",
            ],
            swiftSettings: houseSettings),
        .testTarget(
            name: "DocketGRPCTests",
            dependencies: ["DocketTestSupport", "DocketCompression", "DocketGRPC", "DocketHeaders"],
            swiftSettings: houseSettings),
        .testTarget(
            name: "DocketHTTP2Tests", dependencies: ["DocketTestSupport", "DocketHTTP2", "DocketHeaders"],
            swiftSettings: houseSettings),
        .testTarget(name: "DocketHeadersTests", dependencies: ["DocketHeaders"], swiftSettings: houseSettings),
        .testTarget(
            name: "DocketImportTests", dependencies: ["DocketTestSupport", "DocketImport", "DocketModel"],
            swiftSettings: houseSettings),
        .testTarget(
            name: "DocketJournalTests", dependencies: ["DocketTestSupport", "DocketJournal"],
            swiftSettings: houseSettings),
        .testTarget(
            name: "DocketMerkleTests", dependencies: ["DocketTestSupport", "DocketMerkle", crypto],
            swiftSettings: houseSettings),
        .testTarget(
            name: "DocketMessagesTests",
            dependencies: ["DocketTestSupport", "CDocketProtos", "CProtobufC", "DocketMessages", "DocketModel"],
            swiftSettings: houseSettings),
        .testTarget(
            name: "DocketModelTests", dependencies: ["DocketTestSupport", "DocketModel"], swiftSettings: houseSettings),
        .testTarget(
            name: "DocketOperationsTests",
            dependencies: [
                "DocketModel", "DocketOperations", "DocketTransport", configuration, coreMetrics, logging,
            ],
            swiftSettings: houseSettings),
        .testTarget(
            name: "DocketPostgresTests",
            dependencies: [
                "DocketTestSupport", "DevCluster", "DocketCodec", "DocketEventTypes", "DocketModel", "DocketPostgres",
                "DocketRegistry", "DocketStore", "DocketThreads", logging,
            ],
            swiftSettings: houseSettings),
        .testTarget(
            name: "DocketRPCTests",
            dependencies: [
                "DocketTestSupport", "DocketGRPC", "DocketHTTP2", "DocketHeaders", "DocketMessages", "DocketRPC",
                "DocketTransport", logging, nioCore, nioPosix,
            ],
            swiftSettings: houseSettings),
        // What gRPC's interoperability clients are run against.
        .executableTarget(
            name: "interop-server",
            dependencies: [
                "DocketGRPC", "DocketHeaders", "DocketMessages", "DocketRPC", "DocketTransport", argumentParser,
                logging, nioCore, nioPosix, unixSignals,
            ],
            path: "Tests/InteropServer", exclude: ["Protos"], swiftSettings: houseSettings),
        // An emitter that the interop tests tell what to do.
        .executableTarget(
            name: "test-emitter", dependencies: ["DocketClient", logging], path: "Tests/TestEmitter",
            swiftSettings: houseSettings),
        .testTarget(
            name: "DocketRegistryTests", dependencies: ["DocketTestSupport", "DocketModel", "DocketRegistry", crypto],
            swiftSettings: houseSettings),
        .testTarget(
            name: "DocketRuntimeTests",
            dependencies: ["DocketModel", "DocketOperations", "DocketRegistry", "DocketRuntime", logging],
            swiftSettings: houseSettings),
        .testTarget(
            name: "DocketStoreTests", dependencies: ["DocketTestSupport", "DocketCodec", "DocketModel", "DocketStore"],
            swiftSettings: houseSettings),
        .testTarget(
            name: "DocketTerminalTests", dependencies: ["DocketTestSupport", "DocketTerminal"],
            swiftSettings: houseSettings),
        .testTarget(
            name: "DocketTests",
            dependencies: [
                "DocketCodec", "DocketEventTypes", "DocketImport", "DocketJournal", "DocketMessages", "DocketModel",
                "DocketOperations", "DocketPostgres", "DocketRuntime", "DocketTerminal", "docket", argumentParser,
                logging,
            ],
            swiftSettings: houseSettings),
        .testTarget(
            name: "DocketTransportTests",
            dependencies: [
                "DocketTestSupport", "DocketGRPC", "DocketHeaders", "DocketTransport", logging, nioCore, nioEmbedded,
                nioPosix,
            ],
            swiftSettings: houseSettings),
    ]
)

// MARK: Benchmarks that are built only when asked for

// With DOCKET_BENCHMARKS=1 in the environment the package has these as well, without it none of them is ever built.
if Context.environment["DOCKET_BENCHMARKS"] == "1" {
    package.products.append(.executable(name: "micro-benchmarks", targets: ["micro-benchmarks"]))
    package.targets += [
        // It replaces malloc in whatever it is linked into: for executables that count allocations, nothing else.
        .target(name: "CAllocationCounter", path: "Benchmarks/Micro/AllocationCounter"),
        .executableTarget(
            name: "micro-benchmarks",
            dependencies: [
                "CAllocationCounter", "DocketClient", "DocketCodec", "DocketEventTypes", "DocketEvents", "DocketGRPC",
                "DocketHTTP2", "DocketHeaders", "DocketMerkle", "DocketModel", "DocketTerminal", "SyntheticLoad",
                argumentParser,
                histogram, logging,
            ],
            path: "Benchmarks/Micro/Sources", swiftSettings: bridgeSettings),
    ]
}

// With DOCKET_BENCHMARKS=peers it has the benchmark suite's contestant that is made of Docket and grpc-swift-2.
if Context.environment["DOCKET_BENCHMARKS"] == "peers" {
    package.dependencies += [
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
    ]
    package.products.append(.executable(name: "grpc-swift-peer", targets: ["grpc-swift-peer"]))
    package.targets.append(
        .executableTarget(
            name: "grpc-swift-peer",
            dependencies: [
                "DocketCodec", "DocketCollector", "DocketGRPC", "DocketModel", "DocketOperations", "DocketRegistry",
                "DocketRuntime", "DocketTransport", argumentParser, logging, nioCore, nioPosix, serviceLifecycle,
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2", package: "grpc-swift-nio-transport"),
            ],
            path: "Benchmarks/Peers/grpc-swift/Sources", swiftSettings: houseSettings))
}

// MARK: Fuzzing

if isFuzzing {
    package.products.append(.executable(name: "docket-fuzz", targets: ["docket-fuzz"]))
    package.targets += [
        .systemLibrary(name: "CLibFuzzer", path: "Tests/Fuzz/CLibFuzzer"),
        .executableTarget(
            name: "docket-fuzz", dependencies: ["CLibFuzzer", "DocketFuzzing"], path: "Tests/Fuzz/Main",
            swiftSettings: bridgeSettings,
            // libFuzzer without its own main, which lies where only the toolchain knows.
            linkerSettings: [
                .unsafeFlags([
                    "-sanitize=address", "-Xlinker", Context.environment["DOCKET_LIBFUZZER"] ?? "", "-lstdc++",
                ])
            ]),
    ]
}
