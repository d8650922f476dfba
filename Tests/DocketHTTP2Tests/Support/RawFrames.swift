import DocketHeaders

/// Frames written by hand (RFC 9113 section 4.1), for peers that nghttp2 would not play.
enum Raw {
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    /// An honest client's first bytes.
    static let clientStart = Raw.preface + Raw.settings()

    static func frame(_ type: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []) -> [UInt8] {
        let count = payload.count
        return [UInt8(count >> 16 & 0xff), UInt8(count >> 8 & 0xff), UInt8(count & 0xff), type, flags]
            + Raw.big(stream) + payload
    }

    static func data(stream: UInt32, _ body: [UInt8], end: Bool = false) -> [UInt8] {
        Raw.frame(0, flags: end ? 1 : 0, stream: stream, body)
    }

    /// DATA with `padding` bytes of padding, plus one that says how many.
    static func padded(stream: UInt32, _ body: [UInt8], padding: UInt8, end: Bool = false) -> [UInt8] {
        let payload = [padding] + body + [UInt8](repeating: 0, count: Int(padding))
        return Raw.frame(0, flags: end ? 9 : 8, stream: stream, payload)
    }

    static func headers(stream: UInt32, _ list: HeaderList, end: Bool = false, endsBlock: Bool = true) -> [UInt8] {
        Raw.frame(1, flags: (end ? 1 : 0) | (endsBlock ? 4 : 0), stream: stream, Raw.block(list))
    }

    static func reset(stream: UInt32, _ code: UInt32) -> [UInt8] { Raw.frame(3, stream: stream, Raw.big(code)) }

    static func settings(_ entries: [(UInt16, UInt32)] = []) -> [UInt8] {
        Raw.frame(4, entries.flatMap { [UInt8($0.0 >> 8), UInt8($0.0 & 0xff)] + Raw.big($0.1) })
    }

    static func ping(_ payload: UInt8 = 0) -> [UInt8] { Raw.frame(6, [UInt8](repeating: payload, count: 8)) }

    static func big(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(value >> (24 - 8 * $0) & 0xff) } }

    /// A header block of literal fields without indexing and without Huffman codes (RFC 7541 section 6.2.2).
    static func block(_ list: HeaderList) -> [UInt8] {
        (0..<list.count).flatMap { [0] + Raw.string(list.nameBytes(at: $0)) + Raw.string(list.valueBytes(at: $0)) }
    }

    private static func string(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var length: [UInt8] = []
        var rest = bytes.count
        if rest < 127 {
            length = [UInt8(rest)]
        } else {
            length = [127]
            rest -= 127
            while rest >= 128 {
                length.append(UInt8(rest & 127 | 128))
                rest >>= 7
            }
            length.append(UInt8(rest))
        }
        return length + bytes
    }

    /// The frames in a run of bytes: type, flags, stream, payload.
    static func parse(_ bytes: [UInt8]) -> [(type: UInt8, flags: UInt8, stream: UInt32, payload: [UInt8])] {
        var rest = bytes[...]
        if rest.starts(with: Raw.preface) { rest = rest.dropFirst(Raw.preface.count) }
        var frames: [(type: UInt8, flags: UInt8, stream: UInt32, payload: [UInt8])] = []
        while rest.count >= 9 {
            let head = Array(rest.prefix(9))
            let count = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
            let stream = head[5...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            frames.append((head[3], head[4], stream, Array(rest.dropFirst(9).prefix(count))))
            rest = rest.dropFirst(9 + count)
        }
        return frames
    }
}
