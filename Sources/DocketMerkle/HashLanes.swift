import CHashLanes

/// Hashes leaves and nodes many at a time where the processor can, and one by one elsewhere: the hashes are the same.
///
/// What is added is hashed at the latest by ``finish(_:)``; until then its place in the array holds no hash. One for each
/// event loop: it is not Sendable.
@safe package final class HashLanes {
    private let lanes: UnsafeMutablePointer<docket_lanes>?

    /// Fewer messages than this are hashed faster one by one.
    private static let minCount = 10

    package init() { unsafe self.lanes = docket_lanes_make() }

    deinit { unsafe docket_lanes_free(self.lanes) }

    /// Whether several messages are hashed at a time here.
    package var isParallel: Bool { unsafe self.lanes != nil }

    /// Forgets what has been added and not been hashed yet.
    package func reset() { if let lanes = unsafe self.lanes { unsafe lanes.pointee.count = 0 } }

    /// Appends the hash of a leaf whose data begins with a version byte: SHA-256(0x00 ‖ version ‖ data).
    package func appendLeaf(version: UInt8, _ data: UnsafeRawBufferPointer, to hashes: inout [MerkleHash]) {
        guard let lanes = unsafe self.lanes, data.count <= Int(DOCKET_LANE_BYTES) - 2 else {
            return unsafe hashes.append(MerkleTree.leafHash(version: version, data))
        }
        let message = unsafe self.add(slot: hashes.count, bytes: data.count + 2, to: lanes, &hashes)
        unsafe message.storeBytes(of: MerkleTree.leafPrefix, as: UInt8.self)
        unsafe message.storeBytes(of: version, toByteOffset: 1, as: UInt8.self)
        if let source = data.baseAddress { unsafe (message + 2).copyMemory(from: source, byteCount: data.count) }
        hashes.append(MerkleHash())
    }

    /// Hashes what has been added and not been hashed yet.
    package func finish(_ hashes: inout [MerkleHash]) {
        guard let lanes = unsafe self.lanes, unsafe lanes.pointee.count > 0 else { return }
        if unsafe lanes.pointee.count < Self.minCount || docket_lanes_run(lanes) == 0 {
            unsafe self.hashOneByOne(lanes, &hashes)
        } else {
            unsafe self.store(lanes, &hashes)
        }
        unsafe lanes.pointee.count = 0
    }

    /// The root over those leaf hashes, as ``MerkleTree/root(consuming:)``; nothing may be waiting to be hashed.
    package func root(consuming level: inout [MerkleHash]) -> MerkleHash {
        guard let lanes = unsafe self.lanes else { return MerkleTree.root(consuming: &level) }
        var count = level.count
        while count / 2 >= Self.minCount {
            for pair in 0..<count / 2 {
                // A node's place is never behind its children's: they have been copied before anything is stored there.
                let message = unsafe self.add(slot: pair, bytes: 1 + 2 * MerkleHash.sizeBytes, to: lanes, &level)
                unsafe message.storeBytes(of: MerkleTree.nodePrefix, as: UInt8.self)
                unsafe message.storeBytes(of: level[2 * pair], toByteOffset: 1, as: MerkleHash.self)
                unsafe message.storeBytes(
                    of: level[2 * pair + 1], toByteOffset: 1 + MerkleHash.sizeBytes, as: MerkleHash.self)
            }
            let last = level[count - 1]
            self.finish(&level)
            if !count.isMultiple(of: 2) { level[count / 2] = last }
            count = (count + 1) / 2
        }
        level.removeSubrange(count...)
        return MerkleTree.root(consuming: &level)
    }

    /// Where the next message of so many bytes is to be written. Hashes those before it when all lanes are taken.
    private func add(
        slot: Int, bytes: Int, to lanes: UnsafeMutablePointer<docket_lanes>, _ hashes: inout [MerkleHash]
    ) -> UnsafeMutableRawPointer {
        if unsafe lanes.pointee.count == Int(DOCKET_LANES) { self.finish(&hashes) }
        let lane = unsafe lanes.pointee.count
        unsafe lanes.pointee.count = lane + 1
        unsafe docket_lane_set(lanes, lane, bytes, slot)
        return unsafe UnsafeMutableRawPointer(docket_lane_message(lanes, lane))
    }

    private func store(_ lanes: UnsafeMutablePointer<docket_lanes>, _ hashes: inout [MerkleHash]) {
        for lane in unsafe 0..<lanes.pointee.count {
            unsafe hashes[docket_lane_slot(lanes, lane)].withUnsafeMutableBytes {
                unsafe $0.copyMemory(
                    from: UnsafeRawBufferPointer(
                        start: docket_lane_digest(lanes, lane), count: MerkleHash.sizeBytes))
            }
        }
    }

    private func hashOneByOne(_ lanes: UnsafeMutablePointer<docket_lanes>, _ hashes: inout [MerkleHash]) {
        for lane in unsafe 0..<lanes.pointee.count {
            let message = unsafe UnsafeRawBufferPointer(
                start: docket_lane_message(lanes, lane), count: docket_lane_length(lanes, lane))
            hashes[unsafe docket_lane_slot(lanes, lane)] = unsafe sha256(message)
        }
    }
}
