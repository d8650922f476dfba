/// Why a definition of an event type, or a pack of them, can't be used.
package struct EventTypeError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable, Equatable, CaseIterable {
        /// The bytes are no JSON, or not an object.
        case malformed
        /// A member or keyword that definitions don't have.
        case unknownKeyword
        /// A member is missing, of the wrong kind, or says what no event can meet.
        case invalidValue
        /// The definition is larger, deeper or longer than ``DefinitionLimits`` allows.
        case tooLarge
        /// Two definitions of a pack define the same type.
        case duplicateType
        /// The version is registered with another content, or is lower than the registered one.
        case versionTaken
    }

    package let code: Code
    /// Names the place in the definition, the value, the limit and the remedy.
    package let message: String
    package let cause: (any Error)?

    package init(code: Code, message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String { self.message }
}

extension EventTypeError: Equatable {
    /// Equal codes and messages; causes aren't compared.
    package static func == (left: EventTypeError, right: EventTypeError) -> Bool {
        left.code == right.code && left.message == right.message
    }
}

/// What one definition may hold. Bounds of the format, not settings: every collector reads every definition.
package enum DefinitionLimits {
    /// The longest definition, in bytes.
    package static let maxBytes = 64 * 1024
    /// The longest type name, in bytes.
    package static let maxNameBytes = 255
    /// The longest description, in bytes.
    package static let maxDescriptionBytes = 4096
    /// How deep schemas nest, in levels; `attributes` itself is the first.
    package static let maxDepth = 16
    /// The most properties of all schemas of a definition together.
    package static let maxProperties = 512
    /// The longest property name, in bytes.
    package static let maxPropertyNameBytes = 255
    /// The most properties that one object can require.
    package static let maxRequiredProperties = 64
    /// The most values of all enumerations of a definition together.
    package static let maxEnumValues = 1024
    /// The longest number, in bytes.
    package static let maxNumberBytes = 128
    /// The largest length or count: 2^31-1.
    package static let maxCount = Int64(Int32.max)
}
