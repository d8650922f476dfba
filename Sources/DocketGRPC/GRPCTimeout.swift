/// The value of `grpc-timeout` (gRPC `doc/PROTOCOL-HTTP2.md`: TimeoutValue TimeoutUnit).
package enum GRPCTimeout {
    /// At most 8 digits and one of `H M S m u n`; `nil` for anything else.
    ///
    /// The document asks for a positive number. Zero is read too, since clients whose deadline has just passed send
    /// it: it means a deadline that is over on arrival.
    package static func decode(_ value: some Collection<UInt8>) -> Duration? {
        var number: Int64 = 0
        var digitCount = 0
        var unit: UInt8?
        for byte in value {
            guard unit == nil else { return nil }
            if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
                digitCount += 1
                guard digitCount <= Self.maxDigits else { return nil }
                number = number * 10 + Int64(byte - UInt8(ascii: "0"))
            } else {
                unit = byte
            }
        }
        guard digitCount > 0 else { return nil }
        switch unit {
        case UInt8(ascii: "H"): return .seconds(number * 3600)
        case UInt8(ascii: "M"): return .seconds(number * 60)
        case UInt8(ascii: "S"): return .seconds(number)
        case UInt8(ascii: "m"): return .milliseconds(number)
        case UInt8(ascii: "u"): return .microseconds(number)
        case UInt8(ascii: "n"): return .nanoseconds(number)
        default: return nil
        }
    }

    /// The finest unit in which the duration, rounded up, has at most 8 digits. A duration of nothing or less becomes
    /// `1n`, the shortest that may be sent; one beyond 99,999,999 hours becomes that.
    package static func encode(_ timeout: Duration) -> String {
        for (unit, nanoseconds) in Self.units {
            let count = Self.quotientRoundedUp(timeout, nanoseconds)
            if count <= Self.maxValue { return "\(max(count, 1))\(unit)" }
        }
        return "\(Self.maxValue)H"
    }

    private static let maxDigits = 8
    private static let maxValue: Int128 = 99_999_999
    /// From fine to coarse, with the nanoseconds of each.
    private static let units: [(String, Int128)] = [
        ("n", 1), ("u", 1_000), ("m", 1_000_000), ("S", 1_000_000_000), ("M", 60_000_000_000), ("H", 3_600_000_000_000),
    ]

    private static func quotientRoundedUp(_ timeout: Duration, _ nanoseconds: Int128) -> Int128 {
        let divisor = nanoseconds * 1_000_000_000
        let (quotient, remainder) = timeout.attoseconds.quotientAndRemainder(dividingBy: divisor)
        return remainder > 0 ? quotient + 1 : quotient
    }
}
