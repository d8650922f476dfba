import CDocketProtos
import CProtobufC
package import DocketModel

/// The steps of ``BatchDecoder/encode(_:key:batchID:receivedAt:admit:)`` one at a time, on a few events that stay decoded,
/// so that a benchmark can tell what each costs.
@safe package final class CodecSteps {
    @safe private struct Sample {
        let bytes: UnsafeMutableBufferPointer<UInt8>
        /// Its own, since what a parser returns holds until it parses again.
        let parser: EventParser
        var event: CEvent
    }

    private let check: EventCheck
    private var samples: [Sample] = []
    private let scratch: UnsafeMutableRawBufferPointer

    /// - Parameter events: encoded `docket.v1.Event` messages, each of at most 64 KiB.
    /// - Throws: ``CodecError`` of the code `malformed`.
    package init(events: [[UInt8]], limits: Limits) throws(CodecError) {
        self.check = EventCheck(limits: limits)
        unsafe self.scratch = .allocate(byteCount: 256 * 1024, alignment: 16)
        for event in events {
            let bytes = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: event.count)
            _ = unsafe bytes.initialize(from: event)
            let parser = EventParser(budgetBytes: 1024 * 1024)
            guard let decoded = unsafe parser.parse(UnsafeBufferPointer(bytes)) else {
                unsafe bytes.deallocate()
                throw CodecError(code: .malformed, message: "the bytes are no docket.v1.Event")
            }
            unsafe self.samples.append(Sample(bytes: bytes, parser: parser, event: decoded))
        }
    }

    deinit {
        for sample in self.samples { unsafe sample.bytes.deallocate() }
        unsafe self.scratch.deallocate()
    }

    /// How many events there are.
    package var count: Int { self.samples.count }

    /// Decodes the event at that index anew; whether it could be.
    package func decode(at index: Int) -> Bool {
        let sample = self.samples[index]
        guard let event = unsafe sample.parser.parse(UnsafeBufferPointer(sample.bytes)) else { return false }
        unsafe self.samples[index].event = event
        return true
    }

    /// Checks it; `nil` when it is in order.
    package func refusal(at index: Int) -> EventRefusal? {
        unsafe self.check.refusal(of: self.samples[index].event)
    }

    /// Writes its canonical form, as for one that came in another; returns how long that is, in bytes.
    package func writeCanonical(at index: Int) -> Int {
        var writer = unsafe CanonicalEvent(self.scratch)
        return unsafe writer.write(self.samples[index].event)
    }

    /// Writes its COPY tuple; returns how long that is, in bytes.
    package func writeTuple(at index: Int) -> Int {
        var writer = unsafe TupleWriter(self.scratch)
        return unsafe writer.write(
            self.samples[index].event, batchID: 1, tenantID: 1, typeID: 1, position: Int32(truncatingIfNeeded: index))
    }
}
