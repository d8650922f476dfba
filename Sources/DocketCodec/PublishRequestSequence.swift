/// The sequence of a publish request that may be faulty otherwise, so that its refusal can name the batch; `nil` when
/// the message is too broken to tell, or the sequence out of range.
package func publishRequestSequence(in message: [UInt8]) -> Int64? {
    var reader = WireReader(message)
    var sequence: UInt64 = 0
    do {
        while let (number, value) = try reader.next() {
            if case (3, .varint(let value)) = (number, value) { sequence = value }
        }
    } catch {
        return nil
    }
    return Int64(exactly: sequence)
}
