import NIOCore

/// Elements in the order of their ids, any of which can be given up at a cost that hardly depends on how many there are. A pure
/// value.
///
/// Who gives one up leaves a gap; gaps go when they have come to the front, or when there are more of them than of the rest.
struct CancellableQueue<Element: Identifiable> where Element.ID: Comparable {
    private struct Slot {
        let element: Element
        var isCancelled = false
    }

    /// In ascending order of ids; the first one isn't cancelled.
    private var slots = CircularBuffer<Slot>()
    /// How many are left.
    private(set) var count = 0

    /// How many places are taken, gaps included: twice as many as are left, and one, at most.
    var slotCount: Int { self.slots.count }
    var isEmpty: Bool { self.count == 0 }
    var first: Element? { self.slots.first?.element }

    /// Adds an element, whose id must be above all before it.
    mutating func append(_ element: Element) {
        precondition(self.slots.last.map { $0.element.id < element.id } ?? true)
        self.slots.append(Slot(element: element))
        self.count += 1
    }

    mutating func popFirst() -> Element? {
        guard let slot = self.slots.popFirst() else { return nil }
        self.count -= 1
        self.dropLeadingGaps()
        return slot.element
    }

    /// Gives the element of that id up.
    ///
    /// - Returns: whether it was there.
    mutating func cancel(_ id: Element.ID) -> Bool {
        guard let index = self.index(of: id), !self.slots[index].isCancelled else { return false }
        self.slots[index].isCancelled = true
        self.count -= 1
        self.dropLeadingGaps()
        if self.slots.count > 2 * self.count { self.slots.removeAll(where: \.isCancelled) }
        return true
    }

    private func index(of id: Element.ID) -> CircularBuffer<Slot>.Index? {
        var offsets = 0..<self.slots.count
        while !offsets.isEmpty {
            let middle = offsets.lowerBound + offsets.count / 2
            let index = self.slots.index(self.slots.startIndex, offsetBy: middle)
            let found = self.slots[index].element.id
            if found == id { return index }
            offsets = found < id ? middle + 1..<offsets.upperBound : offsets.lowerBound..<middle
        }
        return nil
    }

    private mutating func dropLeadingGaps() {
        while self.slots.first?.isCancelled == true { self.slots.removeFirst() }
    }
}
