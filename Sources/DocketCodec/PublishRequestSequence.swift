/// The sequence of a publish request that may be faulty otherwise, so that its refusal can name the batch; `nil` when
/// the message is too broken to tell, or the sequence out of range.
///
/// - Parameter maxFields: how many fields of the message are looked at. A refusal must not cost more than what is refused.
package func publishRequestSequence(in message: [UInt8], maxFields: Int) -> Int64? {
    var reader = WireReader(message)
    var sequence: UInt64 = 0
    do {
        for _ in 0..<maxFields {
            guard let (number, value) = try reader.next() else { break }
            if case (3, .varint(let value)) = (number, value) { sequence = value }
        }
    } catch {
        return nil
    }
    return Int64(exactly: sequence)
}
