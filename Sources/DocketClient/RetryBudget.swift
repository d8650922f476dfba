/// Bounds what is wasted on a collector that fails (gRFC A6, retry throttling): each failure takes a token, each success gives a tenth
/// of one back, and while no more than half are left, batches are sent one at a time.
struct RetryBudget: Sendable, Equatable {
    /// In tenths of a token.
    private static let maxTenths = 100

    private var tenths = Self.maxTenths

    /// Whether to send no more than one batch at a time.
    var isSpent: Bool { self.tenths <= Self.maxTenths / 2 }

    mutating func failed() { self.tenths = max(0, self.tenths - 10) }

    mutating func succeeded() { self.tenths = min(Self.maxTenths, self.tenths + 1) }
}
