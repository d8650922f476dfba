import ArgumentParser
import DocketModel

/// The flags of every command that reads the log: which events are wanted.
struct FilterOptions: ParsableArguments {
    @Option(help: "Only events of this scope: a workspace, a namespace, a project.")
    var scope: String?

    @Option(help: "Only events of this type, such as kubernetes.audit; 'authz.*' for all whose names begin so.")
    var type: String?

    @Option(help: "Only events of the actor with this id.")
    var actor: String?

    @Option(help: "Only events with this action.")
    var action: String?

    @Option(help: "Only events of this session.")
    var session: String?

    @Option(help: "Only events that this request caused.")
    var request: String?

    @Option(help: "Only events that the software agent with this id carried out.")
    var agent: String?

    @Option(help: ArgumentHelp("Only events of the W3C trace with this id: 32 hexadecimal digits.", valueName: "hex"))
    var trace: String?

    @Option(help: "Only events on resources of this type.")
    var resourceType: String?

    @Option(help: "Only events on the resource with this id.")
    var resource: String?

    @Option(help: "Only events decided so.")
    var decision: Decision?

    @Option(help: "Only events that ended so.")
    var outcome: Outcome?

    @Option(help: "Only events decided by this policy.")
    var policy: String?

    @Option(help: "Only events that this service has reported.")
    var source: String?

    @Option(help: ArgumentHelp("Only events with a risk score from this on.", valueName: "score"))
    var minRisk: Double?

    @Option(help: "Only events with this text in their reason or attributes; A to Z in either case.")
    var text: String?

    @Option(
        help: ArgumentHelp(
            "Only events whose attributes have this value in this place (a JSON Pointer); may be repeated.",
            valueName: "/place=value"))
    var attribute: [AttributeCondition] = []

    @Option(help: ArgumentHelp("Only the event with this id.", valueName: "uuid"))
    var eventID: String?

    @Option(
        help: ArgumentHelp(
            "Only events from this time on: RFC 3339, a date, or a span before now (90s, 15m, 2h, 7d).",
            valueName: "time"))
    var from: TimeArgument?

    @Option(help: ArgumentHelp("The same as --from.", valueName: "time"))
    var since: TimeArgument?

    @Option(help: ArgumentHelp("Only events up to this time.", valueName: "time"))
    var to: TimeArgument?

    @Option(help: ArgumentHelp("Only events of this day.", valueName: "yyyy-mm-dd"))
    var on: DayArgument?

    @OptionGroup var zones: ZoneOptions

    func validate() throws {
        guard self.on == nil || (self.from == nil && self.since == nil && self.to == nil) else {
            throw ValidationError("--on is a time range by itself; leave --from, --since and --to out")
        }
        if let eventID = self.eventID, EventID(eventID) == nil {
            throw ValidationError("--event-id is '\(eventID)'; it must be a UUID")
        }
        if let score = self.minRisk, !score.isFinite {
            throw ValidationError("--min-risk is \(score); it must be a finite number")
        }
        if let text = self.text, !(1...EventFilter.maxTextBytes).contains(text.utf8.count) {
            throw ValidationError("--text has \(text.utf8.count) bytes; it must have 1 to \(EventFilter.maxTextBytes)")
        }
        guard self.attribute.count <= EventFilter.maxAttributes else {
            throw ValidationError(
                "--attribute is given \(self.attribute.count) times; at most \(EventFilter.maxAttributes) are allowed")
        }
        // A trace id is never written with the dashes of a UUID, which its type would take.
        if let trace = self.trace, trace.utf8.count != 32 || TraceID(trace) == nil {
            throw ValidationError("--trace is '\(trace)'; it must be 32 hexadecimal digits")
        }
    }

    /// What the flags ask for.
    var filter: EventFilter {
        var filter = EventFilter()
        filter.scope = self.scope
        if let type = self.type, type.utf8.last == UInt8(ascii: "*") {
            filter.typePrefix = String(type.dropLast())
        } else {
            filter.type = self.type
        }
        filter.actorID = self.actor
        filter.action = self.action
        filter.sessionID = self.session
        filter.requestID = self.request
        filter.agentID = self.agent
        filter.traceID = self.trace.flatMap { TraceID($0) }
        filter.resourceType = self.resourceType
        filter.resourceID = self.resource
        filter.decision = self.decision
        filter.outcome = self.outcome
        filter.policy = self.policy
        filter.source = self.source
        filter.minRiskScore = self.minRisk
        filter.text = self.text
        filter.attributes = self.attribute
        filter.eventID = self.eventID.flatMap { EventID($0) }
        let zone = self.zones.zone
        filter.occurredFrom = (self.from ?? self.since)?.timestamp(in: zone) ?? self.on?.first(in: zone)
        filter.occurredTo = self.to?.timestamp(in: zone) ?? self.on?.last(in: zone)
        return filter
    }
}
