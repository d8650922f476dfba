internal import DocketModel

/// Collects what a mapping keeps in `attributes`.
struct AttributesWriter {
    private var writer = JSONWriter()
    private let maxFieldBytes: Int

    /// - Parameter maxFieldBytes: The longest text that a field of the event takes, in bytes.
    init(maxFieldBytes: Int) {
        self.maxFieldBytes = maxFieldBytes
        self.writer.beginObject()
    }

    /// Whether a field of the event takes the text.
    func fits(_ text: String) -> Bool { text.utf8.count <= self.maxFieldBytes }

    /// Keeps a text, if there is any.
    mutating func add(_ key: String, _ text: String) {
        guard !text.isEmpty else { return }
        self.writer.key(key)
        self.writer.string(text)
    }

    /// Keeps JSON text that has been checked.
    mutating func addJSON(_ key: String, _ text: String) {
        self.writer.key(key)
        self.writer.raw(text)
    }

    /// The text for a field of the event: `nil` when it is empty or too long. One that is too long is kept here
    /// instead, whole, so that nothing of a record is lost.
    mutating func field(_ key: String, _ text: String) -> String? {
        guard !text.isEmpty else { return nil }
        guard self.fits(text) else {
            self.add(key, text)
            return nil
        }
        return text
    }

    /// The text of the attributes.
    mutating func finish() -> String {
        self.writer.endObject()
        return self.writer.text
    }
}
