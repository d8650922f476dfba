/// The flow control of one stream's inbound side: which bytes are given back, and how much more may come.
///
/// The rule: the peer may send the base window, and beyond it exactly the messages that have a
/// reservation. So a stream without one holds at most the base window, and a granted message arrives whole without
/// further round trips. Bytes of granted messages are given back as they come, since memory for them is reserved; bytes
/// of later messages are held until their own grant.
struct InboundWindow: Equatable {
    /// What to tell the session.
    struct Credit: Equatable {
        /// Bytes to give back on the stream's level.
        var consumeBytes = 0
        /// How much must be able to come from here on; 0 when the whole message is there.
        var raiseToBytes = 0
    }

    private var receivedBytes = 0
    private var grantedBytes = 0
    private var consumedBytes = 0

    /// Bytes that have come without a reservation, and are held until there is one.
    var unreservedBytes: Int { max(0, self.receivedBytes - self.grantedBytes) }

    /// Bytes of granted messages that are still to come.
    var missingBytes: Int { max(0, self.grantedBytes - self.receivedBytes) }

    /// Takes note of received bytes; how many bytes to give back now.
    mutating func received(_ bytes: Int) -> Int {
        self.receivedBytes += bytes
        return self.consume()
    }

    /// Takes note of a granted message, its prefix included.
    mutating func granted(_ wireBytes: Int) -> Credit {
        self.grantedBytes += wireBytes
        return Credit(
            consumeBytes: self.consume(), raiseToBytes: max(0, self.grantedBytes - self.receivedBytes))
    }

    private mutating func consume() -> Int {
        let target = min(self.receivedBytes, self.grantedBytes)
        defer { self.consumedBytes = target }
        return target - self.consumedBytes
    }
}
