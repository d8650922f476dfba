/// Finds an event type's surrogate key by the bytes of its name, without making a `String`: the look-up that the
/// collector does for each event.
///
/// An open-addressing hash table over one byte buffer, never more than half full.
package final class EventTypeTable: Sendable {
    private struct Slot {
        var hash: UInt32
        var start: UInt32
        var length: UInt32
        var id: Int32
    }

    private static let free = Slot(hash: 0, start: 0, length: 0, id: 0)

    private let slots: [Slot]
    private let names: [UInt8]
    /// How many names the table holds.
    package let count: Int

    /// A table of the given names. The first of two equal names wins; empty names are left out.
    package init(_ types: [(name: String, id: Int32)]) {
        var capacity = 8
        while capacity < 2 * types.count { capacity *= 2 }
        var slots = Array(repeating: Self.free, count: capacity)
        var names: [UInt8] = []
        var count = 0
        for type in types where !type.name.isEmpty {
            let name = Array(type.name.utf8)
            let (index, isFree) = Self.slot(of: name.span, in: slots, names)
            guard isFree else { continue }
            slots[index] = Slot(
                hash: Self.hash(name.span), start: UInt32(names.count), length: UInt32(name.count), id: type.id)
            names += name
            count += 1
        }
        self.slots = slots
        self.names = names
        self.count = count
    }

    /// The surrogate key of the type of that name; `nil` when the table has none.
    package func id(ofTypeNamed name: Span<UInt8>) -> Int32? {
        let (index, isFree) = Self.slot(of: name, in: self.slots, self.names)
        return isFree ? nil : self.slots[index].id
    }

    /// All names, by their types' surrogate keys.
    package var namesByID: [Int32: String] {
        var names: [Int32: String] = [:]
        for slot in self.slots where slot.length > 0 {
            let bytes = self.names[Int(slot.start)..<Int(slot.start + slot.length)]
            names[slot.id] = String(decoding: bytes, as: UTF8.self)
        }
        return names
    }

    /// Where the name is, or would be.
    private static func slot(of name: Span<UInt8>, in slots: [Slot], _ names: [UInt8]) -> (index: Int, isFree: Bool) {
        let hash = self.hash(name)
        var index = Int(hash) & (slots.count - 1)
        while slots[index].length > 0 {
            let slot = slots[index]
            if slot.hash == hash, Self.isName(of: slot, in: names, equalTo: name) { return (index, false) }
            index = (index + 1) & (slots.count - 1)
        }
        return (index, true)
    }

    private static func isName(of slot: Slot, in names: [UInt8], equalTo name: Span<UInt8>) -> Bool {
        guard Int(slot.length) == name.count else { return false }
        for offset in 0..<name.count where names[Int(slot.start) + offset] != name[offset] { return false }
        return true
    }

    /// Of the process's own: emitters choose the names of types that nobody has registered, and must not fill the table with
    /// collisions.
    private static let key = (UInt64.random(in: 0 ... .max), UInt64.random(in: 0 ... .max) | 1)

    /// Eight bytes at a time, each folded in by a multiplication to 128 bits, as wyhash does it.
    private static func hash(_ name: Span<UInt8>) -> UInt32 {
        let (seed, factor) = self.key
        var hash = seed ^ UInt64(name.count)
        var word: UInt64 = 0
        for index in name.indices {
            word = word << 8 | UInt64(name[index])
            guard index & 7 == 7 || index == name.count - 1 else { continue }
            let product = (hash ^ word).multipliedFullWidth(by: factor)
            hash = product.high ^ product.low
            word = 0
        }
        return UInt32(truncatingIfNeeded: hash ^ hash >> 32)
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

    /// The names of all of them, by their surrogate keys. Made anew each time: for what is looked up often, keep it.
    package var namesByID: [Int32: String] {
        self.global.namesByID.merging(self.own?.namesByID ?? [:]) { _, own in own }
    }
}
