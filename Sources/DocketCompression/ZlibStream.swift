import CZlib

/// The only owner of a `z_stream`. It lives on the heap because zlib keeps its address and refuses a moved one.
///
/// Safe to use: no pointer leaves it, and each call of zlib is given only buffers that outlive the call.
@safe
struct ZlibStream: ~Copyable {
    enum Direction {
        case deflate(level: Int32)
        case inflate
    }

    private let stream: UnsafeMutablePointer<z_stream>
    private let deflates: Bool

    init(_ direction: Direction) throws(CompressionError) {
        unsafe self.stream = .allocate(capacity: 1)
        unsafe self.stream.initialize(to: z_stream())
        let result: Int32
        switch direction {
        case .deflate(let level):
            self.deflates = true
            result = unsafe docket_gzip_deflate_init(self.stream, level)
        case .inflate:
            self.deflates = false
            result = unsafe docket_gzip_inflate_init(self.stream)
        }
        // On failure `deinit` runs too; ending a stream that was never begun is harmless (Z_STREAM_ERROR).
        guard result == Z_OK else { throw Self.error(result) }
    }

    deinit {
        _ = unsafe self.deflates ? deflateEnd(self.stream) : inflateEnd(self.stream)
        unsafe self.stream.deinitialize(count: 1)
        unsafe self.stream.deallocate()
    }

    /// Compresses everything in one call, into a buffer of zlib's own upper bound.
    func deflate(_ input: [UInt8]) throws(CompressionError) -> [UInt8] {
        let bound = Int(unsafe deflateBound(self.stream, UInt(input.count)))
        var output = [UInt8](repeating: 0, count: bound)
        let result = self.step(input, from: 0, into: &output, from: 0, Z_FINISH)
        guard result.code == Z_STREAM_END else { throw Self.error(result.code) }
        output.removeLast(output.count - result.written)
        return output
    }

    /// Decompresses member after member until the input is used up.
    func inflate(_ input: [UInt8], maxBytes: Int, expectedBytes: Int) throws(CompressionError) -> [UInt8] {
        // One byte of room past the limit tells "exactly the limit" from "more than that".
        let room = maxBytes == .max ? maxBytes : maxBytes + 1
        var output = [UInt8](repeating: 0, count: min(room, max(expectedBytes + 1, 512)))
        var read = 0
        var written = 0
        while true {
            let result = self.step(input, from: read, into: &output, from: written, Z_NO_FLUSH)
            read += result.read
            written += result.written
            guard written <= maxBytes else {
                throw CompressionError(
                    code: .tooLarge,
                    message:
                        "decompressed, \(input.count) bytes of gzip exceed \(maxBytes) bytes; send smaller messages")
            }
            switch result.code {
            case Z_STREAM_END where read == input.count:
                output.removeLast(output.count - written)
                return output
            case Z_STREAM_END:
                // Another member (RFC 1952 section 2.2); inflate says so if it is none.
                guard unsafe inflateReset(self.stream) == Z_OK else { throw Self.error(Z_STREAM_ERROR) }
            case Z_OK, Z_BUF_ERROR:
                // zlib stops only for want of input or of room.
                if written == output.count {
                    let grown = min(room, output.count * 2)
                    output.append(contentsOf: repeatElement(0, count: grown - output.count))
                } else if read == input.count {
                    throw CompressionError(
                        code: .truncated,
                        message: "\(input.count) bytes of gzip end before their stream does; send them whole")
                }
            default:
                throw Self.error(result.code)
            }
        }
    }

    /// One call of zlib. The pointers are zlib's only for as long as it lasts.
    private func step(
        _ input: [UInt8], from inputStart: Int, into output: inout [UInt8], from outputStart: Int, _ flush: Int32
    ) -> (code: Int32, read: Int, written: Int) {
        unsafe input.withUnsafeBufferPointer { source in
            unsafe output.withUnsafeMutableBufferPointer { target in
                let available = UInt32(clamping: target.count - outputStart)
                // zlib reads through `next_in` and never writes; its field lacks the `const` in this version's headers.
                unsafe self.stream.pointee.next_in =
                    UnsafeMutablePointer(mutating: source.baseAddress.map { unsafe $0 + inputStart })
                unsafe self.stream.pointee.avail_in = UInt32(source.count - inputStart)
                unsafe self.stream.pointee.next_out = target.baseAddress.map { unsafe $0 + outputStart }
                unsafe self.stream.pointee.avail_out = available
                let code = unsafe self.deflates ? CZlib.deflate(self.stream, flush) : CZlib.inflate(self.stream, flush)
                let read = unsafe source.count - inputStart - Int(self.stream.pointee.avail_in)
                let written = unsafe Int(available - self.stream.pointee.avail_out)
                unsafe self.stream.pointee.next_in = nil
                unsafe self.stream.pointee.next_out = nil
                return (code, read, written)
            }
        }
    }

    private static func error(_ code: Int32) -> CompressionError {
        switch code {
        case Z_MEM_ERROR:
            CompressionError(
                code: .outOfMemory, message: "zlib got no memory; lower the limits or give the process more")
        default:
            CompressionError(
                code: .corrupt,
                message: "the bytes are not whole gzip members (zlib says \(code)); send gzip (RFC 1952)")
        }
    }
}
