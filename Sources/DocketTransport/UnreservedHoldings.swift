/// What is held of a memory budget without a reservation, and by whom: beginnings of messages, metadata, answers that wait to be
/// read. When it is too much, whoever holds most lets go. A pure value.
struct UnreservedHoldings<Owner: Hashable> {
    /// What becomes of a holding.
    struct Verdict: Equatable {
        /// `false`: nothing is counted. The asking owner holds most itself: it has to let go of half and ask again.
        var isCounted: Bool
        /// Who else has to let go of half.
        var letGo: [Owner] = []
    }

    private struct Holding {
        var bytes: Int
        /// It has been told to let go.
        var isLettingGo = false
    }

    private let limitBytes: Int
    private var holdings: [Owner: Holding] = [:]
    /// What all hold together, in bytes. Over the limit for as long as those who have been told to let go take to do so.
    private(set) var totalBytes = 0
    private var leavingBytes = 0

    /// - Parameter limitBytes: what all may hold together, in bytes.
    init(limitBytes: Int) { self.limitBytes = limitBytes }

    /// An owner holds so many bytes from now on. Less than before is always counted.
    mutating func hold(_ bytes: Int, owner: Owner) -> Verdict {
        let before = self.holdings[owner]?.bytes ?? 0
        guard bytes > before else {
            self.set(bytes, owner: owner)
            return Verdict(isCounted: true)
        }
        var verdict = Verdict(isCounted: true)
        while self.totalBytes - before + bytes - self.leavingBytes > self.limitBytes {
            let others = self.holdings.lazy.filter { $0.key != owner && !$0.value.isLettingGo }
            guard let largest = others.max(by: { $0.value.bytes < $1.value.bytes }), largest.value.bytes > bytes else {
                verdict.isCounted = false
                return verdict
            }
            self.holdings[largest.key]?.isLettingGo = true
            self.leavingBytes += largest.value.bytes / 2
            verdict.letGo.append(largest.key)
        }
        self.set(bytes, owner: owner)
        return verdict
    }

    /// Whether it is remembered that an owner holds something.
    func knows(_ owner: Owner) -> Bool { self.holdings[owner] != nil }

    private mutating func set(_ bytes: Int, owner: Owner) {
        if let before = self.holdings[owner] {
            self.totalBytes -= before.bytes
            if before.isLettingGo { self.leavingBytes -= before.bytes / 2 }
        }
        self.totalBytes += bytes
        self.holdings[owner] = bytes > 0 ? Holding(bytes: bytes) : nil
    }
}
