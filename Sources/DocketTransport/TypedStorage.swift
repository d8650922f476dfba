/// A place for one object a type, for what others keep beside a connection or a loop: caches, arenas.
///
/// Confined to its event loop, so nothing in it needs a lock.
package final class TypedStorage {
    private var objects: [ObjectIdentifier: AnyObject] = [:]

    package init() {}

    /// The object of that type, made the first time.
    package func object<Object: AnyObject>(_ type: Object.Type, make: () -> Object) -> Object {
        let key = ObjectIdentifier(type)
        // The cast can't fail: a key holds an object of its type only.
        if let object = self.objects[key] as? Object { return object }
        let object = make()
        self.objects[key] = object
        return object
    }
}
