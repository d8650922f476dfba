internal import DocketCodec
internal import DocketMessages
internal import DocketModel
internal import DocketRegistry
package import DocketStore
package import Logging
internal import ServiceLifecycle

/// Follows the logs that somebody tails, once for all who do: when a log has grown, its new batches are taken from what this
/// collector has committed itself, or read back where another one has, and handed to each follower whose filter they meet.
///
/// Without followers it does nothing, and listens to nothing.
package final class TailHub: Service {
    /// How often followers hear how far the log has come, whatever matches.
    private static let beatInterval = Duration.seconds(8)
    /// How many events of a tenant are read back before others have their turn, or a few more.
    private static let maxEventsReadBack = 4_000

    private let reader: any EventReader
    private let watch: any LogWatch
    private let feed: CommitFeed
    private let typeNames: TypeNames
    private let heldBytes: @Sendable () -> Int
    private let retryInterval: Duration
    private let logger: Logger
    private let logs: FollowedLogs
    private let wake: (stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation)

    /// - Parameters:
    ///   - reader: What others have committed is read from it.
    ///   - feed: What this collector has committed.
    ///   - heldBytes: What the commit queue holds now: following stands back for what is being stored.
    ///   - retryInterval: The pause after a failure.
    package init(
        reader: any EventReader, watch: any LogWatch, feed: CommitFeed, registry: RegistryHolder,
        heldBytes: @escaping @Sendable () -> Int, logger: Logger, retryInterval: Duration = .milliseconds(500)
    ) {
        self.reader = reader
        self.watch = watch
        self.feed = feed
        self.logs = FollowedLogs(feed: feed)
        self.typeNames = TypeNames(registry)
        self.heldBytes = heldBytes
        self.retryInterval = retryInterval
        self.logger = logger
        self.wake = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Follows until graceful shutdown; then ends all subscriptions.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            for await _ in self.wake.stream {
                await self.followAll()
                await self.watch.rest()
            }
        }
        for subscription in self.logs.close() { subscription.end() }
    }

    // MARK: Followers

    /// Begins to follow a tenant's log, from what is committed next.
    ///
    /// - Throws: `shuttingDown`, or what reading the log's end fails with.
    func subscribe(_ tenant: RegistryContents.Tenant, _ filter: EventFilter) async throws(StoreError)
        -> TailSubscription
    {
        let end = LogPosition(logIndex: try await self.reader.logEnd(tenantID: tenant.id), position: 0)
        guard let subscription = self.logs.add(tenant, RowFilter(filter), from: end) else {
            throw StoreError(code: .shuttingDown, message: "the collector is shutting down; call again to go on")
        }
        self.wake.continuation.yield()
        return subscription
    }

    /// Ends a subscription.
    func unsubscribe(_ subscription: TailSubscription, tenantID: Int32) {
        self.logs.remove(subscription, tenantID: tenantID)
        subscription.end()
    }

    // MARK: Following

    /// Follows as long as there is anybody to follow for.
    private func followAll() async {
        var beatAt = ContinuousClock.now
        var wasFaulty = false
        var mayBeMore = true
        while !Task.isCancelled, !self.logs.isEmpty {
            do throws(StoreError) {
                if !mayBeMore { try await self.watch.growth() }
                let began = ContinuousClock.now
                mayBeMore = try await self.advance()
                if wasFaulty { self.logger.notice("logs are followed again") }
                wasFaulty = false
                if mayBeMore {
                    let rest = ExportPace.rest(after: .now - began, heldBytes: self.heldBytes())
                    if rest > .zero { try? await Task.sleep(for: rest) }
                }
            } catch {
                // The watch is a hint: where it is what fails, it is looked without it.
                mayBeMore = true
                if !wasFaulty {
                    self.logger.warning("logs can't be followed for now", metadata: ["error": "\(error)"])
                }
                wasFaulty = true
                try? await Task.sleep(for: self.retryInterval)
            }
            if beatAt.duration(to: .now) > Self.beatInterval {
                beatAt = .now
                for follower in self.logs.followers { follower.beat() }
            }
        }
    }

    /// Hands on what has come into the logs: of each so much at a time that no tenant's events hold up those of another.
    ///
    /// - Returns: Whether anything has.
    /// - Throws: The first error, when all other logs have been looked at.
    private func advance() async throws(StoreError) -> Bool {
        let places = self.logs.places
        let batches = try await self.reader.newBatches(places.mapValues(\.logIndex))
        var failure: StoreError?
        for (tenantID, batches) in Dictionary(grouping: batches, by: \.tenantID) {
            do throws(StoreError) {
                try await self.advance(tenantID, batches[...], from: places[tenantID] ?? .start)
            } catch {
                failure = failure ?? error
            }
            await Task.yield()
        }
        if let failure { throw failure }
        return !batches.isEmpty
    }

    /// Hands on a tenant's batches up to the first ones that had to be read back; the others have their turn later.
    private func advance(
        _ tenantID: Int32, _ batches: ArraySlice<LogBatch>, from place: LogPosition
    ) async throws(StoreError) {
        var batches = batches
        while let first = batches.first {
            // What follows one that failed half-way is read back from there.
            let start = max(place, LogPosition(logIndex: first.logIndex, position: 0))
            if start.position == 0, self.passOver(first, from: start) {
                batches.removeFirst()
                continue
            }
            if start.position == 0, let own = self.feed.take(first.batchID), own.key.tenantID == tenantID,
                self.handOn(own, first, from: start)
            {
                batches.removeFirst()
                continue
            }
            var events = 0
            let others = batches.prefix { batch in
                defer { events += Int(batch.acceptedCount) }
                return batch == first || (events < Self.maxEventsReadBack && !self.feed.has(batch.batchID))
            }
            batches.removeFirst(others.count)
            guard let last = others.last else { break }
            let end = last.logIndex + 1
            guard others.contains(where: { $0.acceptedCount > 0 }) else {
                _ = self.logs.begin(tenantID, from: start, next: LogPosition(logIndex: end, position: 0))
                continue
            }
            return try await self.readBack(tenantID, from: start, end: end)
        }
    }

    /// Counts a batch for followers who all want everything and have no room for it: nobody need look into it.
    ///
    /// - Returns: False when somebody may want some of it.
    private func passOver(_ entry: LogBatch, from: LogPosition) -> Bool {
        let next = LogPosition(logIndex: entry.logIndex + 1, position: 0)
        guard
            let followers = self.logs.begin(
                entry.tenantID, from: from, next: next,
                ifAll: { $0.filter.hasNoCondition && $0.reached <= from && $0.isFull })
        else { return false }
        _ = self.feed.take(entry.batchID)
        for follower in followers { follower.add([], missed: Int(entry.acceptedCount), next: next) }
        return true
    }

    /// Hands on a batch that this collector has committed.
    ///
    /// - Returns: False when it can't be understood without PostgreSQL: its types are too new.
    private func handOn(_ batch: EncodedBatch, _ entry: LogBatch, from: LogPosition) -> Bool {
        let next = LogPosition(logIndex: entry.logIndex + 1, position: 0)
        let (followers, slug) = self.logs.begin(entry.tenantID, from: from, next: next)
        let names = self.typeNames.of(tenantID: entry.tenantID)
        var handing = TailHanding(followers, next: next)
        var tuples = TupleReader(tuples: batch.tuples, typeName: { names[$0] })
        do throws(CodecError) {
            while try tuples.advance() {
                var met: [Int] = []
                for (index, follower) in followers.enumerated() where try tuples.matches(follower.filter) {
                    met.append(index)
                }
                try handing.add(to: met, at: from) { () throws(CodecError) in
                    let row = try tuples.row()
                    return StoredEventMessage(
                        StoredEvent(
                            event: row.event, tenant: slug, receivedAt: batch.receivedAt, batchID: batch.batchID,
                            position: row.position, logIndex: entry.logIndex))
                }
            }
        } catch {
            self.logs.goBack(entry.tenantID, from: next, to: from)
            return false
        }
        handing.finish()
        return true
    }

    /// Reads batches back, once for all followers, and hands them on.
    private func readBack(_ tenantID: Int32, from: LogPosition, end: Int64) async throws(StoreError) {
        let next = LogPosition(logIndex: end, position: 0)
        let (followers, _) = self.logs.begin(tenantID, from: from, next: next)
        guard !followers.isEmpty else { return }
        var query = LogQuery(tenantID: tenantID, from: from, end: end)
        query.alternatives = followers.map(\.filter)
        while query.from < next {
            let page: LogPage
            do throws(StoreError) {
                page = try await self.reader.readLog(query)
            } catch {
                // It begins again from there. Who has come meanwhile begins behind it, and gets nothing twice.
                self.logs.goBack(tenantID, from: next, to: query.from)
                throw error
            }
            var handing = TailHanding(followers, next: page.next)
            for (event, met) in zip(page.events, page.matches) {
                let place = LogPosition(logIndex: event.logIndex ?? 0, position: event.position)
                handing.add(to: met, at: place) { StoredEventMessage(event) }
            }
            handing.finish()
            query.from = page.next
            query.heapPlace = page.heapPlace
        }
    }
}
