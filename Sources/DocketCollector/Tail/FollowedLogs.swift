internal import DocketCodec
internal import DocketModel
internal import DocketRegistry
internal import Synchronization

/// The logs that somebody tails: by whom, and how far each has been handed on.
final class FollowedLogs: Sendable {
    private struct Log {
        let slug: String
        /// All before this place has been handed on, or is being.
        var next: LogPosition
        var followers: [ObjectIdentifier: TailSubscription] = [:]
    }

    private struct State {
        var logs: [Int32: Log] = [:]
        var isOver = false
    }

    private let feed: CommitFeed
    private let holdings = TailHoldings()
    private let state = Mutex(State())

    /// - Parameter feed: Is told which logs are followed.
    init(feed: CommitFeed) { self.feed = feed }

    /// Whether nobody follows any.
    var isEmpty: Bool { self.state.withLock { $0.logs.isEmpty } }

    /// All who follow one.
    var followers: [TailSubscription] { self.state.withLock { $0.logs.values.flatMap(\.followers.values) } }

    /// How far each log has been handed on, by tenant.
    var places: [Int32: LogPosition] { self.state.withLock { $0.logs.mapValues(\.next) } }

    /// Adds a follower of a tenant's log.
    ///
    /// - Parameter end: Where the log ends; one that is followed already is joined where it is.
    /// - Returns: `nil` when nobody is let in any more.
    func add(_ tenant: RegistryContents.Tenant, _ filter: RowFilter, from end: LogPosition) -> TailSubscription? {
        self.state.withLock { state in
            guard !state.isOver else { return nil }
            var log = state.logs[tenant.id] ?? Log(slug: tenant.slug, next: end)
            let subscription = TailSubscription(filter: filter, from: log.next, holdings: self.holdings)
            log.followers[ObjectIdentifier(subscription)] = subscription
            state.logs[tenant.id] = log
            self.feed.follow(Set(state.logs.keys))
            return subscription
        }
    }

    /// Takes a follower out; the last one's log is no longer followed.
    func remove(_ subscription: TailSubscription, tenantID: Int32) {
        self.state.withLock { state in
            state.logs[tenantID]?.followers[ObjectIdentifier(subscription)] = nil
            if state.logs[tenantID]?.followers.isEmpty == true { state.logs[tenantID] = nil }
            self.feed.follow(Set(state.logs.keys))
        }
    }

    /// Lets nobody in any more.
    ///
    /// - Returns: Who is there.
    func close() -> [TailSubscription] {
        self.state.withLock { state in
            state.isOver = true
            return state.logs.values.flatMap(\.followers.values)
        }
    }

    /// Whom a part of a log is for: whoever comes later gets what is behind it. Nobody, when the log isn't followed from there:
    /// the last follower has gone meanwhile, and another one has come.
    func begin(
        _ tenantID: Int32, from: LogPosition, next: LogPosition
    ) -> (followers: [TailSubscription], slug: String) {
        self.state.withLock { state in
            guard let log = state.logs[tenantID], log.next == from else { return ([], "") }
            state.logs[tenantID]?.next = next
            return (Array(log.followers.values), log.slug)
        }
    }

    /// The same, unless somebody doesn't meet a condition: `nil` then, and nothing has begun.
    func begin(
        _ tenantID: Int32, from: LogPosition, next: LogPosition, ifAll condition: (TailSubscription) -> Bool
    ) -> [TailSubscription]? {
        self.state.withLock { state in
            guard let log = state.logs[tenantID], log.next == from, log.followers.values.allSatisfy(condition) else {
                return nil
            }
            state.logs[tenantID]?.next = next
            return Array(log.followers.values)
        }
    }

    /// Has a part that could not be handed on whole begin anew from where it failed, unless the log has gone on meanwhile.
    func goBack(_ tenantID: Int32, from next: LogPosition, to place: LogPosition) {
        self.state.withLock { state in
            if state.logs[tenantID]?.next == next { state.logs[tenantID]?.next = place }
        }
    }
}
