"""Debian's source packages: pinned, fetched by apt, checked, unpacked.

apt checks what it fetches against the archive's signed index; the pin is checked
again on every use, so a cached copy needs no network and no trust. apt runs on
the machine's own package sources with lists of its own, so it needs no root and
changes nothing on the system.

Kind `dsc` is a whole source package with Debian's patches. Kind `tar` is the
upstream archive of one alone, for where the archive serves no more of it; what
Debian changed in that version is then missing, and says so.
"""
import collections
import hashlib
import os
import pathlib
import re
import shutil
import subprocess

PINS = pathlib.Path(__file__).resolve().parent / "sources.txt"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or
                     pathlib.Path.home() / ".cache") / "pharos-release"

Pin = collections.namedtuple("Pin", "package version kind sha256 licence")


class NotServed(Exception):
    """The archive does not serve what is asked for."""


def pins():
    lines = (line.split() for line in PINS.read_text().splitlines()
             if line and not line.startswith("#"))
    return {words[0]: Pin(*words) for words in lines}


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


# ---- apt, on lists of its own

def source_entries():
    """The machine's package sources, asked for source packages."""
    folder = pathlib.Path("/etc/apt")
    old = [folder / "sources.list", *folder.glob("sources.list.d/*.list")]
    lines = [re.sub(r"^deb\b", "deb-src", line)
             for path in old if path.exists()
             for line in path.read_text().splitlines()
             if line.startswith("deb ")]
    new = [re.sub(r"(?m)^Types:.*$", "Types: deb-src", path.read_text())
           for path in folder.glob("sources.list.d/*.sources")]
    return "\n".join(lines) + "\n", "\n\n".join(new) + "\n"


def apt(command, *words, folder=None):
    own = CACHE / "apt"
    return subprocess.run(
        [command, "-q", "-o", f"Dir::State::lists={own}/lists",
         "-o", f"Dir::Cache={own}/cache", "-o", "Dir::Etc::sourcelist=/dev/null",
         "-o", f"Dir::Etc::sourceparts={own}/parts", *words],
        cwd=folder, text=True, capture_output=True, check=False)


def update():
    """Once a run: fetch the index of source packages."""
    own = CACHE / "apt"
    if getattr(update, "done", False):
        return
    for name in ("lists/partial", "cache/archives/partial", "parts"):
        (own / name).mkdir(parents=True, exist_ok=True)
    old, new = source_entries()
    (own / "parts" / "source.list").write_text(old)
    (own / "parts" / "source.sources").write_text(new)
    apt("apt-get", "update")  # what is missing shows when it is asked for
    update.done = True


def download(package, version, kind, folder):
    update()
    only = ["--tar-only"] if kind == "tar" else []
    done = apt("apt-get", "source", "--download-only", "--only-source", *only,
               f"{package}={version}", folder=folder)
    if done.returncode:
        reason = [line for line in done.stderr.splitlines()
                  if line.startswith("E:")] or ["no reason given"]
        raise NotServed(f"{package} {version}: {reason[0][3:]}")


def main_file(folder, kind):
    """The file that the pin is about."""
    pattern = "*.orig.tar.*" if kind == "tar" else "*.dsc"
    found = [path for path in folder.glob(pattern) if path.suffix != ".asc"]
    return found[0] if found else None


# ---- what the release uses

def fetch(pin):
    """The folder with the files of a pinned package, from the cache or apt."""
    version = pin.version.replace(":", "_").replace("~", "-")
    folder = CACHE / "sources" / f"{pin.package}_{version}_{pin.kind}"
    path = main_file(folder, pin.kind) if folder.exists() else None
    if path is None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        download(pin.package, pin.version, pin.kind, folder)
        path = main_file(folder, pin.kind)
    if digest(path) != pin.sha256:
        raise SystemExit(f"release: {path} is not the pinned {pin.package} "
                         f"{pin.version}; delete it and try again")
    return folder


def unpack(pin, target):
    """Unpack with Debian's patches. dpkg-source checks each file's sum against
    the .dsc, which is what the pin names."""
    folder = fetch(pin)
    path = main_file(folder, pin.kind)
    if pin.kind == "dsc":
        command = ["dpkg-source", "--extract", str(path), str(target)]
    else:
        target.mkdir(parents=True)
        command = ["tar", "-xf", str(path), "-C", str(target),
                   "--strip-components=1"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


# ---- making the pins

def newest(package):
    update()
    text = apt("apt-cache", "showsrc", "--only-source", package).stdout
    versions = re.findall(r"(?m)^Version: (.*)$", text)
    best = None
    for version in versions:
        if best is None or not subprocess.run(
                ["dpkg", "--compare-versions", version, "gt", best],
                check=False).returncode:
            best = version
    if best is None:
        raise NotServed(f"{package}: no source package of that name")
    return best


def pin_now(old):
    """The newest version that is served: whole, or its upstream archive."""
    version = newest(old.package)
    folder = CACHE / "sources" / "pinning"
    for kind in ("dsc", "tar"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            download(old.package, version, kind, folder)
        except NotServed as error:
            print(f"release: {error}")
            continue
        return old._replace(version=version, kind=kind,
                            sha256=digest(main_file(folder, kind)))
    raise NotServed(f"{old.package} {version}: no part of it")


def write_pins():
    text = PINS.read_text()
    head = [line for line in text.splitlines() if line.startswith("#")]
    rows = [f"{p.package:<11} {p.version:<22} {p.kind:<5} {p.sha256}  "
            f"{p.licence}" for p in map(pin_now, pins().values())]
    PINS.write_text("\n".join(head + rows) + "\n")
