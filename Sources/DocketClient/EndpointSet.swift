/// The collectors that a client may send to, and which of them is to be tried next: a circuit breaker for each, as a pure value.
///
/// An endpoint that fails is left alone for a while, which grows with each further failure and is spread by jitter; then one attempt
/// shows whether it is back. As long as another one is ready, nobody waits. Time comes in as nanoseconds of a monotonic clock.
struct EndpointSet<Endpoint: Hashable & Sendable>: Sendable {
    private struct Health: Sendable, Equatable {
        var failureCount = 0
        /// Before which it is left alone.
        var retryAtNanoseconds = Int64.min
    }

    private let policy: PublishMachine.RetryPolicy
    private(set) var endpoints: [Endpoint]
    private var health: [Endpoint: Health] = [:]
    /// Which one is tried first.
    private var position: Int

    /// - Parameters:
    ///   - endpoints: at least one; each once.
    ///   - offset: which one to begin with, modulo their number: clients that choose it at random spread over all.
    init(_ endpoints: [Endpoint], offset: Int, policy: PublishMachine.RetryPolicy) {
        self.policy = policy
        self.endpoints = endpoints
        self.position = endpoints.isEmpty ? 0 : offset % endpoints.count
    }

    /// The next endpoint in turn that is ready, or the one that is ready first; `nil` when there is none at all.
    mutating func choose(now: Int64) -> Endpoint? {
        guard !self.endpoints.isEmpty else { return nil }
        let order = self.endpoints.indices.map { (self.position + $0) % self.endpoints.count }
        let ready = order.first { self.retryTime(self.endpoints[$0]) <= now }
        let chosen = ready ?? order.min { self.retryTime(self.endpoints[$0]) < self.retryTime(self.endpoints[$1]) }
        guard let chosen else { return nil }
        self.position = chosen
        return self.endpoints[chosen]
    }

    /// Whether another endpoint than this one is ready.
    func hasAlternative(to endpoint: Endpoint?, now: Int64) -> Bool {
        self.endpoints.contains { $0 != endpoint && self.retryTime($0) <= now }
    }

    /// The endpoint can't be reached, broke off, or refuses what it is sent.
    ///
    /// - Parameter retryAfterMilliseconds: before which it doesn't want another attempt.
    mutating func failed(_ endpoint: Endpoint, retryAfterMilliseconds: Int64? = nil, now: Int64, jitter: Double) {
        var health = self.health[endpoint] ?? Health()
        health.failureCount += 1
        let pause = self.policy.backoffNanoseconds(attempt: health.failureCount, jitter: jitter)
        health.retryAtNanoseconds = now + max(pause, (retryAfterMilliseconds ?? 0) * 1_000_000)
        self.health[endpoint] = health
        self.moveOn(from: endpoint)
    }

    /// The endpoint has taken something.
    mutating func succeeded(_ endpoint: Endpoint) { self.health[endpoint] = nil }

    /// The endpoint takes its leave (GOAWAY): the next connection goes to another one, if there is one.
    mutating func moveOn(from endpoint: Endpoint) {
        guard let index = self.endpoints.firstIndex(of: endpoint), index == self.position else { return }
        self.position = (index + 1) % self.endpoints.count
    }

    /// Takes the place of the endpoints that there were; what is known of those that stay is kept.
    mutating func replace(_ endpoints: [Endpoint], offset: Int) {
        guard Set(endpoints) != Set(self.endpoints) else { return }
        let current = self.endpoints.isEmpty ? nil : self.endpoints[self.position]
        self.endpoints = endpoints
        self.health = self.health.filter { endpoints.contains($0.key) }
        let kept = current.flatMap { endpoints.firstIndex(of: $0) }
        self.position = kept ?? (endpoints.isEmpty ? 0 : offset % endpoints.count)
    }

    private func retryTime(_ endpoint: Endpoint) -> Int64 { self.health[endpoint]?.retryAtNanoseconds ?? .min }
}
