/// The body bytes of one stream that wait to be sent: the caller's arrays as they are, and how far the first is read.
struct OutboundQueue {
    private var chunks: [[UInt8]] = []
    /// The first chunk that still holds bytes; those before it are given up already.
    private var first = 0
    /// How much of that chunk has been read.
    private var offset = 0
    /// How many bytes wait.
    private(set) var byteCount = 0

    var isEmpty: Bool { self.byteCount == 0 }
    /// How many chunks are kept, those already read included.
    var chunkCount: Int { self.chunks.count }

    /// Appends a chunk without copying it.
    mutating func append(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        self.byteCount += bytes.count
        self.chunks.append(bytes)
    }

    /// Moves as many bytes as fit into `buffer`; returns how many.
    mutating func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        var written = 0
        while written < buffer.count, self.first < self.chunks.count {
            let available = self.chunks[self.first].count - self.offset
            let count = min(available, buffer.count - written)
            unsafe self.chunks[self.first].withUnsafeBytes { source in
                let part = unsafe UnsafeRawBufferPointer(rebasing: source[self.offset..<self.offset + count])
                unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[written...]).copyMemory(from: part)
            }
            written += count
            self.advance(by: count, endsChunk: count == available)
        }
        self.byteCount -= written
        return written
    }

    /// Gives up everything, but keeps the room for a few chunks, since streams come and go.
    mutating func removeAll() {
        self.chunks.removeAll(keepingCapacity: self.chunks.count <= 16)
        self.first = 0
        self.offset = 0
        self.byteCount = 0
    }

    private mutating func advance(by count: Int, endsChunk: Bool) {
        guard endsChunk else {
            self.offset += count
            return
        }
        self.chunks[self.first] = []
        self.offset = 0
        self.first += 1
        if self.first == self.chunks.count {
            self.chunks.removeAll(keepingCapacity: true)
            self.first = 0
        } else if self.first >= 64, self.first * 2 >= self.chunks.count {
            // A queue that never runs empty would grow with what it has sent.
            self.chunks.removeFirst(self.first)
            self.first = 0
        }
    }
}
