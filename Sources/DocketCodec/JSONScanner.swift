/// The kinds of JSON value (RFC 8259 section 3).
package enum JSONKind: Sendable, Equatable {
    case object, array, string, number, boolean, null
}

/// Why text is no JSON that Docket takes.
package struct JSONFault: Error, Sendable, Equatable {
    package enum Code: Sendable, Equatable {
        /// Not RFC 8259.
        case syntax
        /// Objects and arrays nest deeper than allowed.
        case tooDeep
        /// The escape `\u0000`.
        case nulEscape
        /// An escaped surrogate without its other half.
        case loneSurrogate
        /// A number that PostgreSQL's `numeric` can't hold.
        case numberRange
    }

    package let code: Code
    /// Where in the text, in bytes from 0.
    package let offset: Int
    /// What was expected or refused there, without the text itself.
    package let message: String
}

/// Checks JSON text in one pass over its bytes: no tree, no recursion, no allocation.
///
/// The grammar is RFC 8259 to the letter, which is also the grammar of PostgreSQL's `json` input (`jsonapi.c`), so what
/// passes here passes COPY. Three things that `json` takes in are refused all the same, because reading them back fails
/// later (PostgreSQL, "JSON Types"): `\u0000` and lone surrogate escapes (`->>` and `jsonb` reject them), and numbers
/// with more than 131,072 digits before or 16,383 after the decimal point (a cast to `jsonb` or `numeric` fails, and
/// with it the whole query of whoever reads the column). Repeated keys are taken as they are, as `json` does.
///
/// The text must have passed the check for UTF-8 and U+0000; that is not repeated here.
package enum JSONScanner {
    /// The deepest nesting that a caller may allow, in levels.
    package static let maxSupportedDepth = 256

    /// The kind of the text's value. `maxDepth` counts objects and arrays: `{}` has one level, `{"a": []}` two.
    package static func scan(_ text: Span<UInt8>, maxDepth: Int) throws(JSONFault) -> JSONKind {
        try unsafe text.withUnsafeBufferPointer { bytes throws(JSONFault) in
            var pass = unsafe JSONPass(bytes, maxDepth: maxDepth)
            return try pass.run()
        }
    }
}
