internal import DocketModel
internal import Logging
internal import NIOCore
internal import Synchronization

// Nothing is lost in silence: the log hears of it, and so does the collector.

extension AuditClient {
    /// The type of the event that tells the collector how many events were lost.
    static let eventsDroppedType = "docket.events_dropped"

    /// Says that events are being lost, at most once a second.
    func logDropsSoon() {
        self.timers.scheduleTask(in: .seconds(1)) { [weak self] in self?.logDrops() }
    }

    func logDrops() {
        for (reason, count) in self.state.withLock({ $0.drops.takeLog() }) {
            self.configuration.logger.error(
                "\(reason.text)", metadata: ["events": "\(count)", "reason": "\(reason.rawValue)"])
        }
    }

    /// Tells the collector what was lost since the last time, by an event.
    func reportDropsToCollector() {
        guard self.configuration.reportsDrops else { return }
        let outcome = self.state.withLock { state -> EmitBuffer.Outcome? in
            let report = state.drops.takeReport()
            guard !report.isEmpty else { return nil }
            let outcome = state.append(self.event(of: report), now: Publisher.now())
            if outcome.place == nil { state.drops.putBack(report) }
            return outcome
        }
        if let outcome { _ = self.proceed(outcome) }
    }

    private func event(of report: [DropReason: Int]) -> Event {
        let reasons = report.sorted { $0.key.rawValue < $1.key.rawValue }
            .map { "\"\($0.key.rawValue)\":\($0.value)" }.joined(separator: ",")
        let count = report.values.reduce(0, +)
        return Event(
            eventID: .new(), type: Self.eventsDroppedType, occurredAt: .now, actor: .docket, action: "drop",
            resource: Resource(type: "producer", id: self.producerID.description),
            attributes: "{\"count\":\(count),\"reasons\":{\(reasons)}}")
    }
}
