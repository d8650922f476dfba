import DocketRegistry

extension RegistryContents {
    /// The event types without Docket's own.
    var namedByOperators: [EventType] { self.eventTypes.filter { !$0.name.hasPrefix("docket.") } }
}
