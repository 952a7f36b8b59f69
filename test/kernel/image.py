"""What a machine boots: Debian's kernel, and an initramfs of the programs named.

The kernel's package is unpacked into a cache, not installed: nobody's machine
starts another kernel afterwards.
"""
import os
import pathlib
import re
import shutil
import stat
import subprocess

from lab import parts

PACKAGE = "linux-image-cloud-amd64"     # depends on the one that has a version
# of the modules, those that the tests can need
MODULES = ("kernel/net", "kernel/crypto", "kernel/lib", "kernel/arch/x86/crypto",
           "kernel/drivers/net/wireguard", "kernel/drivers/net/tun.ko",
           "kernel/drivers/net/veth.ko", "kernel/drivers/net/dummy.ko")
FOLDERS = ("dev", "proc", "sys", "run", "tmp", "root", "var", "etc",
           "usr/bin", "usr/sbin", "usr/lib", "usr/lib64")
LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib",
         "lib64": "usr/lib64", "var/run": "/run"}


class NotHere(Exception):
    """Why there can be no such machine; what a skip says."""


def program(name):
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:"
                                    "/usr/sbin:/sbin")
    if not found:
        raise NotHere(f"no {name}: tools/setup kernel")
    return pathlib.Path(found)


def call(*command, where=None):
    done = subprocess.run([str(word) for word in command], cwd=where,
                          capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["?"]
        raise NotHere(f"{pathlib.Path(command[0]).name} {command[1]}: "
                      f"{said[-1]}")
    return done.stdout


# ---- the kernel

def cache():
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "pharos-kernel"


def unpack(name):
    """Fetch and unpack the package of that name; Return: where it is."""
    place = cache() / name
    if place.exists():
        return place
    new = cache() / f"{name}.{os.getpid()}"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        call(program("apt-get"), "download", "-q", name, where=new)
        call(program("dpkg-deb"), "-x", next(new.glob("*.deb")), new)
        next(new.glob("*.deb")).unlink()
        release = next((new / "lib" / "modules").iterdir()).name
        call(program("depmod"), "-b", new, release)
        new.replace(place)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return place


class Kernel:
    """Debian's, of today; or, where the packages' lists are not to be had, the
    one that was unpacked last."""

    def __init__(self):
        try:
            depends = call(program("apt-cache"), "depends", PACKAGE)
            name = re.search(r"Depends: (linux-image-[0-9]\S*)", depends)[1]
            self.place = unpack(name)
        except (NotHere, TypeError) as why:
            self.place = self._older(why)
        self.file = next((self.place / "boot").glob("vmlinuz-*"))
        self.modules = next((self.place / "lib" / "modules").iterdir())

    @staticmethod
    def _older(why):
        kept = sorted(cache().glob("linux-image-*[0-9a-z]"),
                      key=lambda place: place.stat().st_mtime)
        if not kept:
            raise NotHere(f"no {PACKAGE}: {why}") from None
        return kept[-1]


# ---- the initramfs

def libraries(path):
    """All that the dynamic linker would load for it."""
    said = subprocess.run(["ldd", str(path)], capture_output=True, text=True,
                          check=False).stdout
    return {pathlib.Path(found) for found in re.findall(r"(/\S+) \(0x", said)}


class Root:
    """The files of a root, written as the kernel reads them (cpio, "newc")."""

    def __init__(self):
        self.items = {}
        for folder in FOLDERS:
            self.add_folder(pathlib.PurePosixPath("/", folder))
        for name, target in LINKS.items():
            self.items[f"/{name}"] = (stat.S_IFLNK | 0o777, target.encode())

    def add_folder(self, path):
        for each in [*reversed(path.parents), path][1:]:
            self.items.setdefault(str(each), (stat.S_IFDIR | 0o755, b""))

    def add_text(self, path, text, mode=0o644):
        self.add_folder(pathlib.PurePosixPath(path).parent)
        self.items[path] = (stat.S_IFREG | mode, text.encode())

    def add(self, source, target=None):
        """A file, with the libraries that it needs; or a folder, with all that
        is in it. What is a link becomes what it leads to."""
        source = pathlib.Path(source)
        target = pathlib.PurePosixPath(
            target or source.parent.resolve() / source.name)
        if source.is_dir():
            for each in source.iterdir():
                if each.name != "__pycache__":
                    self.add(each, target / each.name)
            return
        if str(target) in self.items or not source.is_file():
            return
        content = source.read_bytes()
        mode = 0o755 if os.access(source, os.X_OK) else 0o644
        self.add_folder(target.parent)
        self.items[str(target)] = (stat.S_IFREG | mode, content)
        if content.startswith(b"\x7fELF"):
            for library in libraries(source):
                self.add(library)

    def add_modules(self, kernel):
        place = pathlib.PurePosixPath("/usr/lib/modules", kernel.modules.name)
        for name in MODULES:
            if (kernel.modules / name).exists():
                self.add(kernel.modules / name, place / name)
        for each in kernel.modules.glob("modules.*"):
            self.add(each, place / each.name)

    def write(self, path):
        with open(path, "wb") as out:
            for name, (mode, content) in sorted(self.items.items()):
                write_entry(out, name.lstrip("/"), mode, content)
            # where the kernel lets the first process speak
            write_entry(out, "dev/console", stat.S_IFCHR | 0o600, b"", (5, 1))
            write_entry(out, "TRAILER!!!", 0, b"")


def write_entry(out, name, mode, content, device=(0, 0)):
    """Thirteen fields of eight digits, the name, the content; both to be filled
    up to four bytes."""
    written = name.encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(written), 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + written
    for block in (head, content):
        out.write(block + bytes(-len(block) % 4))


def root_of(kernel, programs):
    """@programs: those that the tests start, beside what starts them."""
    root = Root()
    root.add(parts.BUILD / "test" / "kernel" / "init", "/init")
    root.add(program("modprobe"), "/usr/sbin/modprobe")
    root.add_text("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
    root.add_modules(kernel)
    for each in programs:
        root.add(each)
    return root
