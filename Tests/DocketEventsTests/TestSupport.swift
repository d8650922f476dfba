import DocketCodec
import DocketEventTypes
import DocketEvents
import DocketModel

enum Currency: String, CaseIterable, AttributeValue {
    case eur = "EUR"
    case usd = "USD"
}

struct Purchase: AuditEventType {
    static let definition = DocketEvents.EventTypeDefinition<Purchase>(
        "shop.purchase", version: 3, description: #"Somebody has bought "something"."#,
        requires: [.actorID, .resourceID], decisions: [.allow, .deny], outcomes: [.success],
        refusesUnknownAttributes: true,
        attributes: [
            .init("currency", \.currency, description: "ISO 4217."),
            .init("cents", \.cents, maximum: 1_000_000),
            .init("rate", \.rate, minimum: 0.5),
            .init("express", \.isExpress),
            .init("note", \.note, minLength: 1, maxLength: 8),
            .init("tags", \.tags, maxLength: 3, minItems: 1, maxItems: 2),
            .init("ratings", \.ratings),
            .init("rival", \.rival),
            .init("labels", \.labels),
        ])

    var currency = Currency.eur
    var cents: UInt32 = 250
    var rate: Double?
    var isExpress = false
    var note: String?
    var tags = ["a"]
    var ratings: [Int?] = []
    var rival: Currency?
    var labels: [String: String]?
}

struct Bare: AuditEventType {
    static let definition = DocketEvents.EventTypeDefinition<Bare>("bare")
}

struct Choices: AuditEventType {
    static let definition = DocketEvents.EventTypeDefinition<Choices>("choices", attributes: [.init("all", \.all)])
    var all: [Currency?]
}

struct Outside: AuditEventType {
    static let definition = DocketEvents.EventTypeDefinition<Outside>("../outside")
}

extension AuditEventType {
    /// What a collector with this type's definition says of an event of it, which has what the definition requires.
    func refusal() throws -> Rejection? {
        let validator = EventTypeValidator(
            try DocketEventTypes.EventTypeDefinition(json: Array(Self.definition.json.utf8)))
        let event = self.event().by(.user("alice")).on("order", "1").ended(.success).decided(.allow)
        var message = EventEncoder.publishRequestPrefix(
            tenant: "acme", producerID: ProducerID(high: 1, low: 2), sequence: 3)
        EventEncoder.append(event, to: &message)
        let decoder = BatchDecoder(limits: Limits())
        let request = try decoder.decode(message)
        let batchID: Int64 = 1 << 60
        return try decoder.encode(
            request, key: BatchKey(tenantID: 1, producerID: request.producerID, sequence: request.sequence),
            batchID: batchID, receivedAt: BatchID.receivedAt(of: batchID)
        ) { event in
            validator.check(event).map { .reject($0) } ?? .accept(typeID: 1)
        }.rejections.first
    }
}
