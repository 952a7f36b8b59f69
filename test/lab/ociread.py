"""Read an OCI image layout back, trusting nothing that it says: every blob is
checked against its digest and size, and the layers are unpacked in order."""
import gzip
import hashlib
import io
import json
import tarfile


class BadImage(Exception):
    pass


def members(path):
    with tarfile.open(path) as tar:
        return {info.name: tar.extractfile(info).read()
                for info in tar if info.isfile()}


def blob(files, described):
    algorithm, _, digest = described["digest"].partition(":")
    data = files.get(f"blobs/{algorithm}/{digest}")
    if algorithm != "sha256" or data is None:
        raise BadImage(f"no blob {described['digest']}")
    if len(data) != described["size"] or \
            hashlib.sha256(data).hexdigest() != digest:
        raise BadImage(f"blob {digest} is something else")
    return data


class Image:
    """.config, .labels, and .files: {path: (bytes, mode)} of the whole root."""

    def __init__(self, path):
        files = members(path)
        if json.loads(files["oci-layout"]) != {"imageLayoutVersion": "1.0.0"}:
            raise BadImage("not an image layout of version 1.0.0")
        (only,) = json.loads(files["index.json"])["manifests"]
        manifest = json.loads(blob(files, only))
        whole = json.loads(blob(files, manifest["config"]))
        layers = [gzip.decompress(blob(files, layer))
                  for layer in manifest["layers"]]
        sums = [f"sha256:{hashlib.sha256(layer).hexdigest()}"
                for layer in layers]
        if whole["rootfs"]["diff_ids"] != sums:
            raise BadImage("the layers are not those that the config names")
        used = {f"blobs/sha256/{described['digest'][7:]}" for described in
                [only, manifest["config"], *manifest["layers"]]}
        if used != {name for name in files if name.startswith("blobs/")}:
            raise BadImage("a blob that nothing refers to")
        self.platform = (whole["os"], whole["architecture"])
        self.config, self.labels = whole["config"], whole["config"]["Labels"]
        self.layers = layers
        self.files = {}
        for layer in layers:
            with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
                for info in tar:
                    if not (info.isfile() or info.isdir()) or info.uid:
                        raise BadImage(f"{info.name}: what is that?")
                    if info.isfile():
                        self.files[info.name] = (tar.extractfile(info).read(),
                                                 info.mode)

    def unpack(self, root):
        for name, (data, mode) in self.files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            path.chmod(mode)
