package import DocketModel
package import DocketRegistry
import Foundation
import SwiftASN1
import X509

/// Whom a client certificate is for. That an authority has signed it, TLS has found out.
package struct ClientCertificate: Sendable, Equatable {
    /// What a credential for it is known by: its SPIFFE ID if it has one, otherwise its subject.
    package let identity: CredentialIdentity
    /// The last moment at which it may be used (RFC 5280 section 4.1.2.5).
    package let notAfter: Timestamp

    /// Reads a certificate.
    ///
    /// A SPIFFE ID is the only URI among the certificate's alternative names (X.509-SVID, section 2): with more of them nobody
    /// could say which is meant.
    ///
    /// - Throws: ``AuthenticationError`` when it can't be read, or names nobody.
    package init(derEncoded bytes: [UInt8]) throws(AuthenticationError) {
        let certificate: Certificate
        let names: SubjectAlternativeNames?
        do {
            certificate = try Certificate(derEncoded: bytes)
            names = try certificate.extensions.subjectAlternativeNames
        } catch {
            throw AuthenticationError(.certificateUnusable, "the client certificate can't be read: \(error)")
        }
        let uris = (names.map(Array.init) ?? []).compactMap { name -> String? in
            if case .uniformResourceIdentifier(let uri) = name { uri } else { nil }
        }
        self.identity = try Self.identity(uris: uris, subject: certificate.subject)
        self.notAfter = Timestamp(
            microsecondsSinceEpoch: Int64(certificate.notValidAfter.timeIntervalSince1970) * 1_000_000)
    }

    private static func identity(
        uris: [String], subject: DistinguishedName
    ) throws(AuthenticationError) -> CredentialIdentity {
        do throws(RegistryError) {
            guard uris.contains(where: { $0.lowercased().hasPrefix(SpiffeID.scheme) }) else {
                return .subject(try SubjectName(parts: try self.parts(of: subject)).text)
            }
            guard uris.count == 1 else {
                throw RegistryError(
                    code: .malformedIdentity,
                    message: "it has \(uris.count) URIs among its alternative names; with a SPIFFE ID it may have one")
            }
            return .spiffe(try SpiffeID(uris[0]).text)
        } catch {
            throw AuthenticationError(
                .certificateUnusable, "the client certificate names nobody who could be let in: \(error.message)")
        }
    }

    /// The parts of a subject, the most specific first (RFC 4514 section 2.1). What isn't text is refused: its bytes in any other form
    /// could be somebody else's text.
    private static func parts(of subject: DistinguishedName) throws(RegistryError) -> [[SubjectName.Attribute]] {
        var parts: [[SubjectName.Attribute]] = []
        for part in subject.reversed() {
            var attributes: [SubjectName.Attribute] = []
            for attribute in part {
                // The library puts U+FFFD in the place of what isn't UTF-8.
                guard let value = String(attribute.value), !value.unicodeScalars.contains("\u{FFFD}") else {
                    throw RegistryError(
                        code: .malformedIdentity,
                        message: "the value of \(attribute.type) in its subject must be a UTF8String, a "
                            + "PrintableString or an IA5String; have it made anew with such, or with a SPIFFE ID")
                }
                attributes.append(.init(type: attribute.type.description, value: value))
            }
            parts.append(attributes)
        }
        return parts
    }
}
