internal import Synchronization

/// A batch that counts against its tenant's quota until it is answered, or until nobody has it any more: one that waits for its event
/// types goes with its call.
final class MeteredBatch: Sendable {
    private let quotas: QuotaBook
    private let tenantID: Int32
    private let isOver = Atomic<Bool>(false)

    /// For a batch that the book has taken.
    init(_ quotas: QuotaBook, tenantID: Int32) {
        self.quotas = quotas
        self.tenantID = tenantID
    }

    deinit { self.end() }

    /// The batch is being answered: whoever reads the answer may send the next one.
    func end() {
        guard !self.isOver.exchange(true, ordering: .relaxed) else { return }
        self.quotas.answered(tenantID: self.tenantID)
    }
}
