/// What sort of API activity an action is. The raw value is OCSF's `activity_id` (OCSF 1.3.0, API Activity).
enum APIActivity: Int64 {
    case unknown = 0
    case create = 1
    case read = 2
    case update = 3
    case delete = 4
    case other = 99

    /// The version of OCSF that is written. A later 1.x reads it: within a major version OCSF only adds.
    static let schemaVersion = "1.3.0"
    /// `class_uid` of API Activity.
    static let classUID: Int64 = 6003

    /// The activity that an action's verb stands for: of what stands before the first space the last part, of that the
    /// first word. Parts end at `.`, `:` or `/`; words where anything but a letter comes, or a capital behind a small
    /// letter. So `documents.read`, `s3:GetObject`, `read_file` and `GET /documents` are all reading.
    init(action: String?) {
        guard let action else {
            self = .unknown
            return
        }
        switch Self.verb(of: action) {
        case "create", "add", "insert", "post", "register": self = .create
        case "read", "get", "list", "watch", "describe", "head", "view", "query", "search", "select", "fetch",
            "download":
            self = .read
        case "update", "put", "patch", "modify", "edit", "set", "write", "change": self = .update
        case "delete", "deletecollection", "remove", "drop", "destroy", "purge", "erase": self = .delete
        default: self = .other
        }
    }

    /// OCSF's caption; `nil` for what the source has to name.
    var name: String? {
        switch self {
        case .unknown: "Unknown"
        case .create: "Create"
        case .read: "Read"
        case .update: "Update"
        case .delete: "Delete"
        case .other: nil
        }
    }

    /// In small letters; empty when the last part doesn't begin with a letter of ASCII.
    private static func verb(of action: String) -> String {
        let words = action.utf8.prefix { $0 != UInt8(ascii: " ") }
        let start = words.lastIndex { ".:/".utf8.contains($0) }.map(words.index(after:)) ?? words.startIndex
        var verb = ""
        var wasSmall = false
        for byte in words[start...] {
            let small = byte | 0x20
            guard (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(small), !(wasSmall && byte != small) else { break }
            wasSmall = byte == small
            verb.unicodeScalars.append(Unicode.Scalar(small))
        }
        return verb
    }
}

/// How grave an event is. The raw value is OCSF's `severity_id` (OCSF 1.3.0, base event).
enum OCSFSeverity: Int64 {
    case informational = 1
    case low = 2
    case medium = 3
    case high = 4
    case critical = 5

    /// What the outcome and the decision say, or the risk score when that says more.
    init(_ event: Event) {
        let said: OCSFSeverity =
            switch (event.outcome, event.decision) {
            case (.error, _): .medium
            case (.failure, _), (_, .deny): .low
            default: .informational
            }
        let risk = event.riskScore.map(Self.severity(ofRisk:)) ?? .informational
        self = risk.rawValue > said.rawValue ? risk : said
    }

    /// A score has the scale of its emitter. One from 0 to 1 is taken for a share of the worst; any other says nothing.
    private static func severity(ofRisk score: Double) -> OCSFSeverity {
        switch score {
        case 0.9...1: .critical
        case 0.7..<0.9: .high
        case 0.4..<0.7: .medium
        default: .informational
        }
    }

    /// OCSF's caption.
    var name: String {
        switch self {
        case .informational: "Informational"
        case .low: "Low"
        case .medium: "Medium"
        case .high: "High"
        case .critical: "Critical"
        }
    }
}
