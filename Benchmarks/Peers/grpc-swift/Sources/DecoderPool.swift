import DocketCodec
import DocketModel
import Synchronization

/// The decoders that are free: a handler runs on any thread, so that no event loop can keep one for it.
///
/// There are never more than threads that decode at once.
final class DecoderPool: Sendable {
    /// Whoever has taken one out of the pool has it alone.
    private struct Owned: @unchecked Sendable {
        let decoder: BatchDecoder
    }

    private let limits: Limits
    private let free = Mutex<[Owned]>([])

    /// - Parameter limits: what a batch and an event may hold.
    init(limits: Limits) { self.limits = limits }

    /// Lends a decoder for as long as the body runs.
    func withDecoder(_ body: (BatchDecoder) -> Void) {
        let owned = self.free.withLock { $0.popLast() } ?? Owned(decoder: BatchDecoder(limits: self.limits))
        body(owned.decoder)
        self.free.withLock { $0.append(owned) }
    }
}
