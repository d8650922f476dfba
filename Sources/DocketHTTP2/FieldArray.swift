import CNghttp2
import DocketHeaders

/// The scratch memory of a session for handing a header list to nghttp2, which copies it before it returns: kept from
/// call to call, so that a submission allocates nothing here.
@safe
struct FieldArray {
    private(set) var fields = UnsafeMutablePointer<nghttp2_nv>.allocate(capacity: 16)
    private var fieldCapacity = 16
    private var bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: 1024)
    private var byteCapacity = 1024

    /// Fills `fields` with the list; returns how many there are. They hold until the next call.
    mutating func load(_ headers: HeaderList) -> Int {
        let count = headers.count
        self.reserve(fields: count, bytes: headers.sizeBytes)
        var end = 0
        for index in 0..<count {
            let name = unsafe self.copy(headers.nameBytes(at: index), to: end)
            end += name.count
            let value = unsafe self.copy(headers.valueBytes(at: index), to: end)
            end += value.count
            unsafe (self.fields + index).initialize(
                to: nghttp2_nv(
                    name: name.baseAddress, value: value.baseAddress, namelen: name.count, valuelen: value.count,
                    flags: UInt8(truncatingIfNeeded: NGHTTP2_NV_FLAG_NONE.rawValue)))
        }
        return count
    }

    private func copy(_ slice: ArraySlice<UInt8>, to offset: Int) -> UnsafeMutableBufferPointer<UInt8> {
        let target = unsafe UnsafeMutableBufferPointer(start: self.bytes + offset, count: slice.count)
        unsafe slice.withUnsafeBytes { unsafe UnsafeMutableRawBufferPointer(target).copyMemory(from: $0) }
        return unsafe target
    }

    private mutating func reserve(fields: Int, bytes: Int) {
        if fields > self.fieldCapacity {
            unsafe self.fields.deallocate()
            unsafe self.fields = .allocate(capacity: fields)
            self.fieldCapacity = fields
        }
        if bytes > self.byteCapacity {
            unsafe self.bytes.deallocate()
            unsafe self.bytes = .allocate(capacity: bytes)
            self.byteCapacity = bytes
        }
    }

    func destroy() {
        unsafe self.fields.deallocate()
        unsafe self.bytes.deallocate()
    }
}
