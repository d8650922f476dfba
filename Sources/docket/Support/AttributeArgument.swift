public import ArgumentParser
public import DocketModel

extension AttributeCondition: ExpressibleByArgument {
    /// Reads `/request/verb=delete`. The value begins behind the first `=`: a place with one in a name can't be given.
    public init?(argument: String) {
        guard let separator = argument.firstIndex(of: "=") else { return nil }
        guard let pointer = JSONPointer(String(argument[..<separator])) else { return nil }
        self.init(pointer: pointer, value: String(argument[argument.index(after: separator)...]))
    }
}
