internal import DocketGRPC
internal import Synchronization

/// How many streams of a kind run at once: so many in all, and of one tenant fewer, so that one alone can't keep the others
/// from theirs.
final class StreamSlots: Sendable {
    private let name: String
    private let maxCount: Int
    private let maxCountOfTenant: Int
    private let running = Mutex<[Int32: Int]>([:])

    /// - Parameter name: What they are, such as `exports`.
    init(_ name: String, maxCount: Int, maxCountOfTenant: Int) {
        self.name = name
        self.maxCount = maxCount
        self.maxCountOfTenant = maxCountOfTenant
    }

    /// Takes a place; refuses when there is none.
    func enter(_ tenantID: Int32) throws(PublishRefusal) {
        let refusal = self.running.withLock { running -> String? in
            let own = running[tenantID] ?? 0
            guard own < self.maxCountOfTenant else {
                return "\(own) \(self.name) of the tenant are running already, which is the limit; try again later"
            }
            guard running.values.reduce(0, +) < self.maxCount else {
                return "\(self.maxCount) \(self.name) are running already, which is the limit; try again later"
            }
            running[tenantID] = own + 1
            return nil
        }
        if let refusal {
            throw PublishRefusal(.unavailable, .storeOverloaded, refusal, retryAfterMilliseconds: 5_000)
        }
    }

    /// Gives a place back.
    func leave(_ tenantID: Int32) {
        self.running.withLock { running in
            let left = (running[tenantID] ?? 0) - 1
            running[tenantID] = left > 0 ? left : nil
        }
    }
}
