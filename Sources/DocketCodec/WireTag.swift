/// The tags of fields: number and wire type in one.
enum WireTag {
    @inline(__always)
    static func varint(_ number: UInt32) -> UInt32 { number << 3 }

    @inline(__always)
    static func fixed64(_ number: UInt32) -> UInt32 { number << 3 | 1 }

    @inline(__always)
    static func bytes(_ number: UInt32) -> UInt32 { number << 3 | 2 }
}
