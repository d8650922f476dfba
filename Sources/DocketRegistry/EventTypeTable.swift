/// Finds an event type's surrogate key by the bytes of its name, without making a `String`: the look-up that the
/// collector does for each event.
///
/// An open-addressing hash table over one byte buffer, never more than half full.
package struct EventTypeTable: Sendable {
    private struct Slot {
        var hash: UInt32
        var start: UInt32
        var length: UInt32
        var id: Int32
    }

    private static let free = Slot(hash: 0, start: 0, length: 0, id: 0)

    private var slots: [Slot]
    private var names: [UInt8]
    /// How many names the table holds.
    package private(set) var count: Int

    /// A table of the given names. The first of two equal names wins; empty names are left out.
    package init(_ types: [(name: String, id: Int32)]) {
        var capacity = 8
        while capacity < 2 * types.count { capacity *= 2 }
        self.slots = Array(repeating: Self.free, count: capacity)
        self.names = []
        self.count = 0
        for type in types where !type.name.isEmpty {
            self.insert(Array(type.name.utf8), id: type.id)
        }
    }

    /// The surrogate key of the type of that name; `nil` when the table has none.
    package func id(ofTypeNamed name: Span<UInt8>) -> Int32? {
        let hash = Self.hash(name)
        var index = Int(hash) & (self.slots.count - 1)
        while self.slots[index].length > 0 {
            let slot = self.slots[index]
            if slot.hash == hash, self.isName(of: slot, equalTo: name) { return slot.id }
            index = (index + 1) & (self.slots.count - 1)
        }
        return nil
    }

    private mutating func insert(_ name: [UInt8], id: Int32) {
        guard self.id(ofTypeNamed: name.span) == nil else { return }
        let hash = Self.hash(name.span)
        var index = Int(hash) & (self.slots.count - 1)
        while self.slots[index].length > 0 { index = (index + 1) & (self.slots.count - 1) }
        self.slots[index] = Slot(hash: hash, start: UInt32(self.names.count), length: UInt32(name.count), id: id)
        self.names.append(contentsOf: name)
        self.count += 1
    }

    private func isName(of slot: Slot, equalTo name: Span<UInt8>) -> Bool {
        guard Int(slot.length) == name.count else { return false }
        for offset in 0..<name.count where self.names[Int(slot.start) + offset] != name[offset] { return false }
        return true
    }

    /// FNV-1a. The names in the table are the operator's, so nobody can fill it with collisions.
    private static func hash(_ name: Span<UInt8>) -> UInt32 {
        var hash: UInt32 = 2_166_136_261
        for index in name.indices {
            hash = (hash ^ UInt32(name[index])) &* 16_777_619
        }
        return hash
    }
}

/// The event types that a tenant may use: its own, each of which hides a global one of the same name, and the global ones, which all
/// tenants share.
package struct TenantEventTypes: Sendable {
    private let own: EventTypeTable?
    private let global: EventTypeTable

    package init(own: EventTypeTable?, global: EventTypeTable) {
        self.own = own
        self.global = global
    }

    /// The surrogate key of the type of that name; `nil` when the tenant may use none.
    package func id(ofTypeNamed name: Span<UInt8>) -> Int32? {
        self.own?.id(ofTypeNamed: name) ?? self.global.id(ofTypeNamed: name)
    }
}
