"""The bill of materials of a static program, as SPDX 2.3 in JSON.

What is linked in is not taken from a list but from the linker's map: each
archive and object that the linker took something from belongs to a package, and
one that we cannot name is an error.
"""
import json
import re
import subprocess
import time
import urllib.parse

import libraries
import sources

# Files by which a package shows in the map; a package's version is its pin's, or
# that of the Debian package named last.
PINNED = {"libcrypto.a": "openssl", "libssl.a": "openssl", "libuv_a.a": "libuv1",
          "libnghttp2.a": "nghttp2", "libcares.a": "c-ares",
          "libsodium.a": "libsodium", "libseccomp.a": "libseccomp",
          "libcap.a": "libcap2", "libyaml.a": "libyaml",
          "libjansson.a": "jansson", "libjose.a": "jose",
          "libcurl.a": "curl",
          "libmimalloc.a": "mimalloc"}
GCC = ("gcc-12", "GPL-3.0-or-later WITH GCC-exception-3.1", "gcc-12")
MUSL = ("musl", "MIT", "musl-dev")
GLIBC = ("glibc", "LGPL-2.1-or-later", "libc6-dev")
LLHTTP = ("node-llhttp", "MIT", "node-llhttp")
RUNTIME = {"libgcc.a": GCC, "libgcc_eh.a": GCC, "crtbeginS.o": GCC,
           "crtendS.o": GCC, "libllhttp.a": LLHTTP}
LIBC = {"libc.a", "libm.a", "crti.o", "crtn.o", "rcrt1.o"}
OURS = re.compile(r"src/[a-z]+/|start\.o$")
# of headers alone, so no map shows it; base/table.h needs it
HEADERS = ("uthash", "BSD-1-Clause", "uthash-dev")


# ---- the map

def normalise(text, folder):
    """A link map without the folders that it was made in."""
    text = text.replace(f"{folder}/build/", "")
    return re.sub(r"(?<![\w./+-])/\S*/(?=[\w.+-]+\.(?:a|o)\b)", "", text)


def linked(text):
    """The files that a normalised map took code or data from: libx.a, y.o, or
    src/... for what is ours."""
    body = text[text.index("Linker script and memory map"):]
    body = body[:re.search(r"(?m)^\.(comment|debug)", body).start()]
    sized = re.findall(
        r"(?m)0x[0-9a-f]{16}\s+0x([0-9a-f]+) (\S+?\.[ao])(?:\(\S+\))?$", body)
    names = {name for size, name in sized if int(size, 16)}
    return {"libllhttp.a" if "libllhttp.a.p/" in name else name
            for name in names}


def package_of(name, all_names):
    """(name, licence, version) of what a file of the map is part of."""
    if name in PINNED:
        pin = sources.pins()[PINNED[name]]
        if "libmimalloc.a" in all_names:
            return pin.package, pin.licence, pin.version
        # the fallback links Debian's own build of the same package
        return pin.package, pin.licence, libraries.installed_source(name)
    if name in LIBC:
        known = MUSL if "libmimalloc.a" in all_names else GLIBC
    elif name in RUNTIME:
        known = RUNTIME[name]
    else:
        raise SystemExit(f"sbom: {name} is linked in and belongs to no package "
                         "that tools/packaging/sbom.py knows")
    return known[0], known[1], libraries.version_of(known[2])


def parts(text):
    """The packages that a program is made of, from its map, sorted."""
    names = {name for name in linked(text) if not OURS.match(name)}
    found = {package_of(name, names) for name in names}
    name, licence, package = HEADERS
    return sorted(found | {(name, licence, libraries.version_of(package))})


# ---- the document

def spdx_id(name):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)


def describe_part(name, licence, version):
    pin = sources.pins().get(name)
    pinned = pin is not None and pin.version == version
    entry = {
        "SPDXID": spdx_id(name), "name": name, "versionInfo": version,
        "supplier": "Organization: Debian", "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False, "licenseConcluded": licence,
        "licenseDeclared": licence, "copyrightText": "NOASSERTION",
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
            "referenceLocator": f"pkg:deb/debian/{name}@"
            f"{urllib.parse.quote(version, safe='')}?arch=source"}]}
    if pinned:
        what = "the .dsc" if pin.kind == "dsc" else \
            "the upstream archive, used without Debian's patches"
        entry["sourceInfo"] = f"SHA-256 of {what}: {pin.sha256}"
    return entry


def document(dist, name, epoch):
    digest = sources.digest(dist / name)
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))
    version = subprocess.run([dist / name, "--version"], check=True, text=True,
                             capture_output=True).stdout.split()[-1]
    program = {
        "SPDXID": spdx_id(name), "name": name, "versionInfo": version,
        "packageFileName": name, "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False, "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "APPLICATION",
        "checksums": [{"algorithm": "SHA256", "checksumValue": digest}]}
    made_of = parts((dist / "debug" / f"{name}.map").read_text())
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", spdx_id(name))] + \
        [(spdx_id(name), "STATIC_LINK", spdx_id(part[0])) for part in made_of]
    return {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT", "name": f"{name}-{version}",
        "documentNamespace": f"urn:pharos:sbom:{name}:{digest}",
        "creationInfo": {"created": when, "creators": ["Tool: tools/release"]},
        "packages": [program] + [describe_part(*part) for part in made_of],
        "relationships": [
            {"spdxElementId": one, "relationshipType": kind,
             "relatedSpdxElement": other} for one, kind, other in relations]}


def write(dist, name, epoch):
    (dist / f"{name}.spdx.json").write_text(
        json.dumps(document(dist, name, epoch), indent=1) + "\n")


def read(dist, name):
    return json.loads((dist / f"{name}.spdx.json").read_text())
