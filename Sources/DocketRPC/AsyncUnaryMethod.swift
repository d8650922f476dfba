package import DocketGRPC
package import DocketTransport

/// A unary method as an `async` function, for what is off the hot path: queries, administration.
///
/// It runs in the server's task group. It is cancelled when the call is; what it throws other than a `GRPCStatus` can't
/// happen by its type.
package typealias AsyncUnaryMethod =
    @Sendable (_ head: GRPCRequestHead, _ message: [UInt8]) async throws(GRPCStatus) -> [UInt8]

/// Looks at a call before its message is read, on the call's event loop.
///
/// - Throws: the status that refuses the call.
package typealias CallAdmission<Admission> = @Sendable (ServerCallContext) throws(GRPCStatus) -> Admission

/// As ``AsyncUnaryMethod``, with what a ``CallAdmission`` has found out.
package typealias AdmittedUnaryMethod<Admission> =
    @Sendable (_ admission: Admission, _ message: [UInt8]) async throws(GRPCStatus) -> [UInt8]

extension AsyncCallRunner {
    /// The handler that runs such a method.
    func handler(_ method: @escaping AsyncUnaryMethod) -> any ServerCallHandler {
        let cancellation = PendingCancellation()
        return UnaryHandler(onCancel: { cancellation.signal?.cancel() }) { message, call in
            let reference = call.reference
            let head = call.head
            do throws(GRPCStatus) {
                cancellation.signal = try self.submit(.unary) {
                    // The reservation lives as long as the message does.
                    defer { message.reservation.release() }
                    do throws(GRPCStatus) {
                        reference.reply(try await method(head, message.bytes))
                    } catch {
                        reference.finish(error)
                    }
                }
            } catch {
                call.finish(error)
            }
        }
    }
}

/// Confined to the call's event loop.
private final class PendingCancellation {
    var signal: CancellationSignal?
}
