/// Values by keys, of which only those are kept that were asked for lately.
///
/// In two halves: when the young one is full, it becomes the old one, and what nobody has asked for since goes. So each step costs
/// the same however many there are, and no order is kept.
struct RecentValues<Key: Hashable, Value> {
    private var young: [Key: Value] = [:]
    private var old: [Key: Value] = [:]
    private let maxCount: Int

    /// - Parameter maxCount: how many are kept at most; at least 2.
    init(maxCount: Int) { self.maxCount = maxCount }

    /// How many are kept.
    var count: Int { self.young.count + self.old.count }

    /// The value of a key, which counts as asked for.
    mutating func value(for key: Key) -> Value? {
        if let value = self.young[key] { return value }
        guard let value = self.old.removeValue(forKey: key) else { return nil }
        self.insert(value, for: key)
        return value
    }

    mutating func insert(_ value: Value, for key: Key) {
        if self.young.count >= self.maxCount / 2 {
            self.old = self.young
            self.young = [:]
        }
        self.young[key] = value
    }
}
