package import Testing

/// Waits for a condition that another thread brings about. One that doesn't come about within a minute, which no machine
/// is too slow for, fails the test instead of holding the whole run up.
///
/// It looks once a millisecond: looking all the time would take the processor from those who bring the condition about.
package func until(
    sourceLocation: SourceLocation = #_sourceLocation, _ condition: () throws -> Bool
) async rethrows {
    let deadline = ContinuousClock.now + .seconds(60)
    while !(try condition()) {
        guard ContinuousClock.now < deadline, (try? await Task.sleep(for: .milliseconds(1))) != nil else {
            Issue.record("the condition did not come about within a minute", sourceLocation: sourceLocation)
            return
        }
    }
}
