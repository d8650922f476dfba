/// What the catalog and `docket.segments` say about a segment that is not finished.
struct SegmentFacts: Sendable, Equatable {
    enum State: String, Sendable { case hot, sealing, sealed, retiring, dropped }
    /// Its CHECK on the times of its rows, by which the planner leaves it out.
    enum Check: Sendable { case missing, present, validated }

    var id: Int32
    var table: String
    var state: State
    /// Whether the writes that were under way at its rotation have ended, and its rows have been counted.
    var isCounted = false
    /// The names of its valid indexes.
    var indexes: Set<String> = []
    var check = Check.missing
    var isFrozen = false
    /// Whether its table exists.
    var exists = true
    var isAttached = true
    /// Whether a DETACH CONCURRENTLY was interrupted while it waited for readers.
    var isDetachPending = false
}

/// A step in the life of a segment. Each is done again without harm by whoever leads next, should its leader be killed.
enum SegmentStep: Sendable, Hashable {
    /// Wait for the writes under way, and count the rows.
    case count(Int32)
    case createIndex(Int32, SealedIndex)
    /// All indexes are there: say so.
    case markSealed(Int32)
    case addCheck(Int32)
    case validateCheck(Int32)
    /// VACUUM (FREEZE, ANALYZE), and check that it took.
    case freeze(Int32)
    case detach(Int32)
    case finalizeDetach(Int32)
    case dropTable(Int32)
    /// The table is gone: say so.
    case markDropped(Int32)

    /// The step's name in logs and metrics.
    var name: String {
        switch self {
        case .count: "count"
        case .createIndex(_, let index): "index_\(index.suffix)"
        case .markSealed: "mark_sealed"
        case .addCheck: "add_check"
        case .validateCheck: "validate_check"
        case .freeze: "freeze"
        case .detach: "detach"
        case .finalizeDetach: "finalize_detach"
        case .dropTable: "drop_table"
        case .markDropped: "mark_dropped"
        }
    }

    var segment: Int32 {
        switch self {
        case .count(let id), .createIndex(let id, _), .markSealed(let id), .addCheck(let id), .validateCheck(let id),
            .freeze(let id), .detach(let id), .finalizeDetach(let id), .dropTable(let id), .markDropped(let id):
            id
        }
    }
}

/// What to do next for the segments: a pure rule over what the database says, so that a leader which takes over goes on
/// wherever its predecessor was killed.
enum SegmentPlan {
    /// The most urgent step that isn't put off. Sealing comes first, oldest first: ingestion waits for it in the end.
    static func next(_ facts: [SegmentFacts], putOff: Set<SegmentStep> = []) -> SegmentStep? {
        let order: [SegmentFacts.State] = [.sealing, .sealed, .retiring]
        for state in order {
            for segment in facts.filter({ $0.state == state }).sorted(by: { $0.id < $1.id }) {
                if let step = self.steps(segment).first(where: { !putOff.contains($0) }) { return step }
            }
        }
        return nil
    }

    /// What can be done next for one segment, in order of preference; nothing when nothing is left to do.
    ///
    /// Rows are frozen before there is an index, since VACUUM would look at all of them. Where an old snapshot keeps them
    /// from being frozen, the indexes don't wait for that.
    static func steps(_ segment: SegmentFacts) -> [SegmentStep] {
        let id = segment.id
        switch segment.state {
        case .hot, .dropped: return []
        case .sealing:
            guard segment.isCounted else { return [.count(id)] }
            let build = segment.missingIndex.map { SegmentStep.createIndex(id, $0) } ?? .markSealed(id)
            return segment.isFrozen ? [build] : [.freeze(id), build]
        case .sealed:
            let freeze: [SegmentStep] = segment.isFrozen ? [] : [.freeze(id)]
            switch segment.check {
            case .missing: return [.addCheck(id)] + freeze
            case .present: return [.validateCheck(id)] + freeze
            // One that is sealed may lack an index that a later version has brought.
            case .validated: return freeze + (segment.missingIndex.map { [.createIndex(id, $0)] } ?? [])
            }
        case .retiring:
            guard segment.exists else { return [.markDropped(id)] }
            guard segment.isAttached else { return [.dropTable(id)] }
            return [segment.isDetachPending ? .finalizeDetach(id) : .detach(id)]
        }
    }
}

extension SegmentFacts {
    fileprivate var missingIndex: SealedIndex? {
        SealedIndex.all.first { !self.indexes.contains($0.name(of: self.table)) }
    }
}
