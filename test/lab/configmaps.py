"""ConfigMaps of the stand-in for a Kubernetes API server: one is made, looked at
and changed by a merge patch, as Pharos does. Refusals are worded as the real
ones are."""
import uuid


class Refused(Exception):
    """An answer of the kind Status."""

    def __init__(self, code, reason, message):
        super().__init__(message)
        self.code, self.reason = code, reason

    def body(self):
        return {"kind": "Status", "apiVersion": "v1", "metadata": {},
                "status": "Failure", "message": str(self),
                "reason": self.reason, "code": self.code}


def merged(old, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    new = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            new.pop(name, None)
        else:
            new[name] = merged(new.get(name), value)
    return new


class ConfigMaps:
    TYPE = "application/merge-patch+json"

    def __init__(self):
        self.maps, self.version = {}, 100
        self.told = lambda data: None  # of each change

    def _keep(self, namespace, name, made):
        self.version += 1
        made["metadata"]["resourceVersion"] = str(self.version)
        if not made.get("data"):
            made.pop("data", None)  # as the real one does
        self.maps[namespace, name] = made
        self.told(made.get("data") or {})
        return made

    def get(self, namespace, name):
        if (namespace, name) not in self.maps:
            raise Refused(404, "NotFound", f'configmaps "{name}" not found')
        return self.maps[namespace, name]

    def create(self, namespace, body, namespaces=None):
        if namespaces is not None and namespace not in namespaces:
            raise Refused(404, "NotFound",
                          f'namespaces "{namespace}" not found')
        name = body["metadata"]["name"]
        if (namespace, name) in self.maps:
            raise Refused(409, "AlreadyExists",
                          f'configmaps "{name}" already exists')
        return self._keep(namespace, name, body | {"metadata": {
            "name": name, "namespace": namespace, "uid": str(uuid.uuid4())}})

    def change(self, namespace, name, patch, kind):
        if kind != self.TYPE:
            raise Refused(415, "UnsupportedMediaType",
                          "415: Unsupported Media Type")
        old = self.get(namespace, name)
        version = patch.get("metadata", {}).get("resourceVersion")
        if version not in (None, old["metadata"]["resourceVersion"]):
            raise Refused(409, "Conflict",
                          "Operation cannot be fulfilled on configmaps "
                          f'"{name}": the object has been modified; please '
                          "apply your changes to the latest version and try "
                          "again")
        return self._keep(namespace, name, merged(old, patch))

    def answer(self, parts, body, kind, namespaces):
        """parts: of the path, ["", "api", "v1", "namespaces", …]; kind: of the
        body."""
        if len(parts) == 6:
            return 201, self.create(parts[4], body, namespaces)
        if body:
            return 200, self.change(parts[4], parts[6], body, kind)
        return 200, self.get(parts[4], parts[6])
