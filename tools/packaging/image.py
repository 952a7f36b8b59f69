"""An OCI image of one static program and nothing else, made without a container
engine: a tar of the image layout, the same bytes each time.

Two layers: the program (with the public roots for those that dial out over
HTTPS), and its bill of materials. It runs as user 65532, from /.
"""
import gzip
import hashlib
import io
import json
import pathlib
import tarfile
import time

ROOTS = pathlib.Path("/usr/share/ca-certificates/mozilla")
PORTS = {"pharos-beacon": ["443/tcp"], "pharos-broker": ["8199/tcp"]}
DIALS_OUT = {"pharos-bridge", "pharos-broker", "pharos-wrapper", "pharos"}
USER = "65532:65532"
KINDS = "application/vnd.oci.image"
TITLES = {
    "pharos-beacon": "pairs two ends that both dial out, and reads nothing",
    "pharos-bridge": "lets a broker reach a secret store, by an allow-list",
    "pharos-broker": "carries sealed sessions of wrappers to the bridge",
    "pharos-wrapper": "starts a process with its secrets",
    "pharos": "makes certificates, carries a TCP service, looks into a beacon",
}


def tar_of(entries, epoch):
    """A tar of {path: (bytes, mode)}, with the folders they need."""
    out = io.BytesIO()
    folders = {str(parent) for path in entries
               for parent in pathlib.PurePath(path).parents} - {"."}
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(folders | set(entries)):
            info = tarfile.TarInfo(path)
            info.mtime = epoch
            if path in folders:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(info)
                continue
            data, info.mode = entries[path]
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def public_roots():
    """Mozilla's roots as Debian's ca-certificates has them, one file."""
    return b"".join(path.read_bytes() for path in sorted(ROOTS.glob("*.crt")))


def layers(dist, name, epoch):
    program = {name: ((dist / name).read_bytes(), 0o755)}
    if name in DIALS_OUT:
        program["etc/ssl/cert.pem"] = (public_roots(), 0o644)
    bill = (dist / f"{name}.spdx.json").read_bytes()
    yield tar_of(program, epoch)
    yield tar_of({f"usr/share/sbom/{name}.spdx.json": (bill, 0o644)}, epoch)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Layout:
    """Blobs by their digest, and the tar of them all."""

    def __init__(self):
        self.blobs = {}

    def add(self, kind, data, **more):
        self.blobs[f"blobs/sha256/{sha256(data)}"] = (data, 0o644)
        return {"mediaType": f"{KINDS}.{kind}", "size": len(data),
                "digest": f"sha256:{sha256(data)}", **more}


def encode(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def config(name, diffs, when, labels):
    inner = {"User": USER, "Entrypoint": [f"/{name}"], "WorkingDir": "/",
             "Labels": labels}
    if name in PORTS:
        inner["ExposedPorts"] = {port: {} for port in PORTS[name]}
    return {"architecture": "amd64", "os": "linux", "created": when,
            "config": inner,
            "rootfs": {"type": "layers", "diff_ids": diffs},
            "history": [{"created": when, "created_by": f"pharos: {what}"}
                        for what in ("program", "bill of materials")]}


def make(dist, name, epoch, commit):
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))
    version = json.loads((dist / f"{name}.spdx.json").read_text()
                         )["packages"][0]["versionInfo"]
    label = "org.opencontainers.image."
    labels = {f"{label}title": name, f"{label}description": TITLES[name],
              f"{label}version": version, f"{label}revision": commit,
              f"{label}licenses": "Apache-2.0", f"{label}created": when}
    layout, diffs, stored = Layout(), [], []
    for layer in layers(dist, name, epoch):
        diffs.append(f"sha256:{sha256(layer)}")
        stored.append(layout.add("layer.v1.tar+gzip",
                                 gzip.compress(layer, 9, mtime=0)))
    manifest = layout.add("manifest.v1+json", encode({
        "schemaVersion": 2, "mediaType": f"{KINDS}.manifest.v1+json",
        "config": layout.add("config.v1+json", encode(
            config(name, diffs, when, labels))),
        "layers": stored, "annotations": labels}),
        platform={"architecture": "amd64", "os": "linux"},
        annotations={f"{label}ref.name": version})
    index = {"schemaVersion": 2, "mediaType": f"{KINDS}.index.v1+json",
             "manifests": [manifest]}
    return tar_of(layout.blobs | {
        "oci-layout": (encode({"imageLayoutVersion": "1.0.0"}), 0o644),
        "index.json": (encode(index), 0o644)}, epoch)


def write(dist, name, epoch, commit):
    (dist / f"{name}.oci.tar").write_bytes(make(dist, name, epoch, commit))
