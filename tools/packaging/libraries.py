"""The libraries of a release, built small from Debian's sources against musl.

build() makes a prefix: lib/*.a, headers, pkg-config files, and bin/cc, the
compiler that everything is built with, so that no step can pick up the system's
C library by mistake. What is made depends on the pins, on this folder and on the
compiler; their digest names the cached copy.

fallback() makes a prefix of the same shape that points to Debian's own static
libraries, for where the sources are not served.
"""
import hashlib
import os
import pathlib
import re
import shutil
import subprocess

import sources

HERE = pathlib.Path(__file__).resolve().parent
CACHE = sources.CACHE / "libraries"
JOBS = "-j2"

# Small, without unwind tables (nothing here throws, and the debug file has its
# own), each function a section of its own so that the linker can leave it out.
FLAGS = ("-Os -g1 -fPIE -ffunction-sections -fdata-sections "
         "-fno-asynchronous-unwind-tables -fno-unwind-tables "
         "-fstack-protector-strong -fstack-clash-protection -fcf-protection")

# TLS 1.3 and 1.2 with certificates of RSA, ECDSA and EdDSA keys; PEM and DER. All
# assembly stays: AES-GCM, ChaCha20, SHA-2, P-256, X25519 and RSA are as fast as
# Debian's.
OPENSSL = """
    no-shared no-tests no-module no-engine no-dynamic-engine no-afalgeng
    no-capieng no-padlockeng no-legacy no-autoload-config no-async no-dso
    no-dgram no-dtls no-dtls1 no-dtls1_2 no-sctp no-srtp no-ssl no-ssl3 no-tls1
    no-tls1_1 no-aria no-bf no-blake2 no-camellia no-cast no-cmp no-cms no-comp
    no-ct no-des no-dh no-dsa no-ec2m no-gost no-idea no-md4 no-mdc2
    no-nextprotoneg no-ocb no-ocsp no-psk no-rc2 no-rc4 no-rfc3779 no-rmd160
    no-scrypt no-seed no-siphash no-siv no-sm2 no-sm3 no-sm4 no-srp no-ts
    no-whirlpool no-ui-console no-multiblock no-deprecated no-sock no-filenames
""".split()

# What sodium_init() chooses implementations for and nobody calls: left at their
# reference implementations, and so left out. We use its memory, its comparison
# and its SipHash.
SODIUM_UNUSED = ["generichash_blake2b", "onetimeauth_poly1305", "pwhash_argon2",
                 "scalarmult_curve25519", "stream_chacha20", "stream_salsa20"]

# Of libjose what checks signatures with EC and RSA keys. HMAC, encryption and
# compression are not in: a token that asks for one finds nothing to serve it.
JOSE = ["misc", "cfg", "io", "b64", "hsh", "hooks", "jwk", "jws",
        "openssl/misc", "openssl/compat", "openssl/jwk", "openssl/hash",
        "openssl/ecdsa", "openssl/rsassa"]
# It uses functions of OpenSSL that 3.0 calls deprecated, and which our build,
# no-deprecated, has and does not declare. This is how OpenSSL's own sources say
# that they want them.
JOSE_BEFORE = """
#include <openssl/macros.h>
#undef OPENSSL_NO_DEPRECATED_3_0
#define OSSL_DEPRECATEDIN_3_0
#define OSSL_DEPRECATEDIN_3_0_FOR(message)
"""

JOSE_KEYS = "typedef struct rsa_st RSA;\ntypedef struct ec_key_st EC_KEY;\n"

# pkg-config's name, the package it is of, what to link
LIBRARIES = [
    ("libuv", "libuv1", "-luv_a"),
    ("libssl", "openssl", "-lssl"),
    ("libcrypto", "openssl", "-lcrypto"),
    ("libnghttp2", "nghttp2", "-lnghttp2"),
    ("libcurl", "curl", "-lcurl -lnghttp2 -lcares -lssl -lcrypto"),
    ("jansson", "jansson", "-ljansson"),
    ("jose", "jose", "-ljose -ljansson -lcrypto"),
    ("yaml-0.1", "libyaml", "-lyaml"),
    ("libcares", "c-ares", "-lcares"),
    ("libsodium", "libsodium", "-lsodium"),
    ("libseccomp", "libseccomp", "-lseccomp"),
    ("libcap", "libcap2", "-lcap"),
]


class Bench:
    """A folder in which sources become libraries in its prefix."""

    def __init__(self, folder, epoch):
        self.folder = folder
        self.prefix = folder / "prefix"
        for name in ("src", "build", "log"):
            (folder / name).mkdir(parents=True)
        for name in ("bin", "include/after/sys", "lib/pkgconfig"):
            (self.prefix / name).mkdir(parents=True)
        path = f"{self.prefix}/bin:{os.environ['PATH']}"
        self.environment = os.environ | {
            "PATH": path, "CC": "cc", "CFLAGS": FLAGS, "LC_ALL": "C",
            "TZ": "UTC", "SOURCE_DATE_EPOCH": str(epoch), "ARFLAGS": "crD",
            "RELEASE_FOLDER": str(folder)}

    def run(self, name, *words, folder=None):
        log = self.folder / "log" / name
        with log.open("a") as out:
            done = subprocess.run(
                ["nice", *map(str, words)], cwd=folder or self.folder,
                env=self.environment, stdout=out, stderr=out, check=False,
                stdin=subprocess.DEVNULL)
        if done.returncode:
            tail = log.read_text(errors="replace").splitlines()[-12:]
            raise SystemExit("\n".join(line[:200] for line in tail) +
                             f"\nrelease: {name} did not build, see {log}")

    def unpack(self, package):
        target = self.folder / "src" / package
        sources.unpack(sources.pins()[package], target)
        return target, self.folder / "build" / package

    def cmake(self, package, targets, *options):
        source, build = self.unpack(package)
        self.run(package, "cmake", "-S", source, "-B", build, "-G", "Ninja",
                 "-DCMAKE_BUILD_TYPE=None", "-DCMAKE_C_COMPILER=cc",
                 "-DCMAKE_AR=/usr/bin/ar", "-DCMAKE_RANLIB=/usr/bin/ranlib",
                 "-DCMAKE_C_ARCHIVE_CREATE=<CMAKE_AR> qcD <TARGET> <OBJECTS>",
                 "-DCMAKE_TRY_COMPILE_TARGET_TYPE=EXECUTABLE",
                 "-DBUILD_SHARED_LIBS=OFF", "-DBUILD_TESTING=OFF",
                 f"-DCMAKE_PREFIX_PATH={self.prefix}", *options)
        self.run(package, "ninja", JOBS, "-C", build, *targets)
        return source, build

    def keep(self, library, *headers):
        """Take what was built into the prefix; headers: (file, folder)."""
        shutil.copy(library, self.prefix / "lib")
        for header, room in headers:
            target = self.prefix / "include" / room
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(header, target)


# ---- the recipes

def musl(bench):
    """The C library is Debian's musl-dev; the way in is ours; memory is
    mimalloc's, since musl's own costs a fifth of each TLS handshake."""
    after = bench.prefix / "include" / "after"
    for name in ("linux", "asm-generic"):
        (after / name).symlink_to(f"/usr/include/{name}")
    (after / "asm").symlink_to("/usr/include/x86_64-linux-gnu/asm")
    (after / "uthash.h").symlink_to("/usr/include/uthash.h")
    (after / "sys/queue.h").symlink_to(
        "/usr/include/x86_64-linux-gnu/sys/queue.h")
    shutil.copy(HERE / "cc", bench.prefix / "bin" / "cc")
    start = bench.prefix / "lib" / "start.o"
    # before musl.specs is there, cc is gcc alone: start.c needs glibc's <elf.h>
    bench.run("musl", "cc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra",
              "-Werror", *FLAGS.split(), "-fno-stack-protector",
              "-fno-tree-loop-distribute-patterns", "-c", HERE / "start.c",
              "-o", start)
    shutil.copy(HERE / "musl.specs", bench.prefix / "lib")
    source, _ = bench.unpack("mimalloc")
    bench.run("mimalloc", "cc", *FLAGS.replace("-Os", "-O2").split(),
              "-std=gnu11", "-DNDEBUG", "-DMI_MALLOC_OVERRIDE", "-I",
              source / "include", "-c", source / "src" / "static.c", "-o",
              bench.folder / "mimalloc.o")
    bench.run("mimalloc", "ar", "crD", bench.prefix / "lib" / "libmimalloc.a",
              bench.folder / "mimalloc.o")


def openssl(bench):
    source, build = bench.unpack("openssl")
    build.mkdir()
    bench.run("openssl", source / "Configure", "linux-x86_64", "--release",
              "--prefix=/usr", "--openssldir=/etc/ssl", "--libdir=lib",
              *OPENSSL, *FLAGS.split(), folder=build)
    bench.run("openssl", "make", JOBS, "build_generated", "libcrypto.a",
              "libssl.a", folder=build)
    for name in ("libcrypto.a", "libssl.a"):
        bench.keep(build / name)
    for folder in (source, build):
        shutil.copytree(folder / "include/openssl",
                        bench.prefix / "include/openssl", dirs_exist_ok=True)


def libuv(bench):
    source, build = bench.cmake("libuv1", ["uv_a"], "-DLIBUV_BUILD_TESTS=OFF")
    bench.keep(build / "libuv_a.a", (source / "include/uv.h", ""))
    shutil.copytree(source / "include/uv", bench.prefix / "include/uv")


def nghttp2(bench):
    source, build = bench.cmake("nghttp2", ["nghttp2_static"],
                                "-DENABLE_LIB_ONLY=ON", "-DENABLE_SHARED_LIB=OFF",
                                "-DENABLE_STATIC_LIB=ON")
    headers = [source / "lib/includes/nghttp2/nghttp2.h",
               build / "lib/includes/nghttp2/nghttp2ver.h"]
    bench.keep(build / "lib/libnghttp2.a",
               *((header, "nghttp2") for header in headers))


def cares(bench):
    source, build = bench.cmake("c-ares", ["c-ares"], "-DCARES_STATIC=ON",
                                "-DCARES_SHARED=OFF", "-DCARES_BUILD_TOOLS=OFF",
                                "-DCARES_STATIC_PIC=OFF")
    names = ["ares.h", "ares_dns.h", "ares_nameser.h", "ares_rules.h",
             "ares_version.h"]
    bench.keep(build / "lib/libcares.a", (build / "ares_build.h", ""),
               *((source / "include" / name, "") for name in names))


def libyaml(bench):
    source, build = bench.cmake("libyaml", ["yaml"])
    bench.keep(build / "libyaml.a", (source / "include/yaml.h", ""))


def jansson(bench):
    _, build = bench.cmake("jansson", ["jansson"], "-DJANSSON_BUILD_DOCS=OFF",
                           "-DJANSSON_WITHOUT_TESTS=ON", "-DJANSSON_EXAMPLES=OFF")
    bench.keep(build / "lib/libjansson.a",
               *((build / "include" / name, "")
                 for name in ("jansson.h", "jansson_config.h")))


def jose(bench):
    """One object: its algorithms register themselves before main(), and the
    linker takes from an archive only what somebody refers to."""
    source, build = bench.unpack("jose")
    build.mkdir()
    before = build / "before.h"
    before.write_text(JOSE_BEFORE)
    objects = []
    for name in JOSE:
        objects.append(build / f"{name.replace('/', '-')}.o")
        bench.run("jose", "cc", "-std=gnu99", *FLAGS.split(), "-include", before,
                  "-I", source, "-I", bench.prefix / "include", "-c",
                  source / "lib" / f"{name}.c", "-o", objects[-1])
    bench.run("jose", "ld", "-r", "-o", build / "jose.o", *objects)
    bench.run("jose", "ar", "crD", build / "libjose.a", build / "jose.o")
    head = source / "jose/jose.h"
    text = (source / "jose/jose.h.in").read_text()
    head.write_text(text.replace("@VERSION@", "0"))  # nobody asks for it
    keys = source / "jose/openssl.h"
    keys.write_text(JOSE_KEYS + keys.read_text())
    bench.keep(build / "libjose.a",
               *((header, "jose") for header in source.glob("jose/*.h")))


def libsodium(bench):
    source, build = bench.unpack("libsodium")
    bench.run("libsodium", "autoreconf", "-fi", folder=source)
    build.mkdir()
    bench.run("libsodium", source / "configure", "--disable-shared",
              "--disable-asm", "--disable-dependency-tracking", "--disable-ssp",
              "--enable-minimal", folder=build)
    bench.run("libsodium", "make", JOBS, "-C", "src/libsodium", "libsodium.la",
              folder=build)
    library = build / "src/libsodium/.libs/libsodium.a"
    nothing = build / "nothing.o"
    (build / "nothing.c").write_text("".join(
        f"int pick_no_{name}(void);\nint pick_no_{name}(void) {{ return 0; }}\n"
        for name in SODIUM_UNUSED))
    bench.run("libsodium", "cc", *FLAGS.split(), "-c", build / "nothing.c", "-o",
              nothing)
    bench.run("libsodium", "ar", "xo", library, "libsodium_la-core.o",
              folder=build)
    bench.run("libsodium", "objcopy",
              *(f"--redefine-sym=_crypto_{name}_pick_best_implementation="
                f"pick_no_{name}" for name in SODIUM_UNUSED),
              build / "libsodium_la-core.o")
    bench.run("libsodium", "ar", "rD", library, build / "libsodium_la-core.o",
              nothing)
    bench.keep(library, (source / "src/libsodium/include/sodium.h", ""))
    for folder in (source, build):
        shutil.copytree(folder / "src/libsodium/include/sodium",
                        bench.prefix / "include/sodium", dirs_exist_ok=True)


def libseccomp(bench):
    source, build = bench.unpack("libseccomp")
    shutil.copytree(source, build, symlinks=True)
    bench.run("libseccomp", "./configure", "--disable-shared",
              "--disable-dependency-tracking", folder=build)
    bench.run("libseccomp", "make", JOBS, "-C", "include", folder=build)
    bench.run("libseccomp", "make", JOBS, "-C", "src", "libseccomp.la",
              folder=build)
    bench.keep(build / "src/.libs/libseccomp.a",
               (build / "include/seccomp.h", ""),
               (build / "include/seccomp-syscalls.h", ""))


def libcap(bench):
    source, build = bench.unpack("libcap2")
    shutil.copytree(source, build, symlinks=True)
    bench.run("libcap2", "make", "-C", build / "libcap", "CC=cc",
              f"COPTS={FLAGS}", "BUILD_CC=gcc", "SHARED=no", "libcap.a")
    bench.keep(build / "libcap/libcap.a",
               (build / "libcap/include/sys/capability.h", "sys"))


def curl(bench):
    source, build = bench.cmake(
        "curl", ["libcurl"], "-DBUILD_CURL_EXE=OFF", "-DHTTP_ONLY=ON",
        "-DENABLE_ARES=ON", "-DUSE_NGHTTP2=ON", "-DCURL_USE_OPENSSL=ON",
        "-DCURL_USE_LIBSSH2=OFF", "-DUSE_LIBIDN2=OFF", "-DCURL_ZLIB=OFF",
        "-DCURL_USE_LIBPSL=OFF", "-DENABLE_MANUAL=OFF",
        "-DENABLE_UNIX_SOCKETS=OFF", "-DCURL_DISABLE_COOKIES=ON",
        "-DCURL_DISABLE_NETRC=ON", "-DCURL_DISABLE_ALTSVC=ON",
        "-DCURL_DISABLE_HSTS=ON", "-DCURL_DISABLE_MIME=ON",
        "-DCURL_DISABLE_CRYPTO_AUTH=ON", "-DCURL_DISABLE_PROGRESS_METER=ON",
        "-DCURL_DISABLE_DOH=ON",
        "-DCURL_CA_BUNDLE=none", "-DCURL_CA_PATH=/etc/ssl/certs",
        "-DBUILD_STATIC_LIBS=ON")
    bench.keep(build / "lib/libcurl.a")
    shutil.copytree(source / "include/curl", bench.prefix / "include/curl",
                    ignore=shutil.ignore_patterns("Makefile*"))


RECIPES = [musl, openssl, libuv, nghttp2, cares, libyaml, jansson, jose,
           libsodium, libseccomp, libcap, curl]


# ---- the prefix as a whole

def write_pkgconfig(prefix, where):
    for name, package, link in LIBRARIES:
        version = re.match(r"(?:\d+:)?([0-9.]*[0-9])",
                           sources.pins()[package].version).group(1)
        (prefix / "lib/pkgconfig" / f"{name}.pc").write_text(
            f"prefix=${{pcfiledir}}/../..\nName: {name}\n"
            f"Description: {package}\nVersion: {version}\n"
            f"Libs: {where[0]} {link}\nCflags: {where[1]}\n")


def version_of(package):
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package],
                          text=True, capture_output=True, check=False)
    return done.stdout.strip() or "unknown"


def installed_source(archive):
    """The version of the Debian package that a static library is from."""
    done = subprocess.run(
        ["dpkg-query", "-S", f"*/{archive}"], text=True, capture_output=True,
        check=False)
    return version_of(done.stdout.split(":")[0] or archive)


def key():
    parts = [path.read_bytes() for path in sorted(HERE.glob("*"))
             if path.name in ("cc", "libraries.py", "musl.specs", "sources.txt",
                              "start.c")]
    parts += [version_of(name).encode()
              for name in ("gcc-12", "binutils", "musl-dev", "linux-libc-dev")]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def build(folder, epoch):
    """Build all into folder/prefix; return it."""
    for pin in sources.pins().values():
        sources.fetch(pin)  # what is not served shows before the long work
    bench = Bench(folder, epoch)
    for recipe in RECIPES:
        print(f"release: building {recipe.__name__}", flush=True)
        recipe(bench)
    write_pkgconfig(bench.prefix,
                    ("-L${prefix}/lib", "-I${prefix}/include"))
    return bench.prefix


def cached():
    """The prefix, built once for these pins, recipes and compiler."""
    place = CACHE / key()
    if not (place / "done").exists():
        shutil.rmtree(place, ignore_errors=True)
        # the date is of nothing but the libraries, so that it does not change
        # with each commit of ours
        build(place, 0)
        for name in ("src", "build"):
            shutil.rmtree(place / name)
        (place / "done").touch()
    return place / "prefix"


def fallback(folder):
    """A prefix that points to Debian's static libraries and glibc."""
    prefix = folder / "prefix"
    for name in ("bin", "lib/pkgconfig"):
        (prefix / name).mkdir(parents=True)
    shutil.copy(HERE / "cc", prefix / "bin" / "cc")
    write_pkgconfig(prefix, ("", ""))
    for name in ("libcurl", "jose"):  # needs half of Debian; is not static
        (prefix / f"lib/pkgconfig/{name}.pc").unlink()
    return prefix
