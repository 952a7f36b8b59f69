# The front door. The build itself is Meson's; these are the commands that a
# person types. `make` alone builds.

.PHONY: all setup demo demo-tether test test-kernel lint fuzz peers interop \
	bench soak soak-joins soak-shed soak-silence release release-check install \
	format clean

all: build/build.ninja
	ninja -C build

setup:
	tools/setup

build/build.ninja:
	tools/setup build
	meson setup build

# on the development store and a stand-in for a cluster, or STORE=openbao and
# CLUSTER=kube, which make peers builds
STORE = devstore
CLUSTER = standin
demo:
	tools/setup build demo
	$(MAKE) --no-print-directory all
	tools/demo --store $(STORE) --cluster $(CLUSTER)

# a door into one host: a phone comes in, a stranger finds nothing
demo-tether:
	tools/setup build demo
	$(MAKE) --no-print-directory all
	tools/demo-tether

test:
	tools/setup
	tools/test

# what needs a kernel with WireGuard, on Debian's in an emulated machine: minutes
test-kernel:
	tools/setup build test kernel
	$(MAKE) --no-print-directory all
	tools/test-kernel

lint:
	tools/setup build lint
	$(MAKE) --no-print-directory all
	tools/lint

# each parser for so many seconds
SECONDS_EACH = 60
fuzz:
	tools/setup build test
	tools/fuzz $(SECONDS_EACH)

# The real programs that our stand-ins are held to, built once into a cache
PEERS_SECONDS = 7200
peers:
	tools/peers --within $(PEERS_SECONDS)

# our stand-ins beside them
interop: all
	tools/interop

# What it is measured beside is skipped where it is missing: tools/setup bench
bench: all
	bench/run

soak: all
	bench/soak

soak-joins: all
	bench/soak-joins

# a million datagrams to the port of a tunnel, and no answer: a minute or two
soak-silence: all
	PHAROS_DATAGRAMS=1000000 /usr/bin/python3 -m pytest -q -rs -s \
		-p no:cacheprovider test/sys/test_tether_silence.py

# 10,000 sessions that shed outer TLS, and who interferes there: minutes
soak-shed: all
	build/test/sim/sim-shed 10000

# dist/: static programs, the same bytes wherever this commit is built
release:
	tools/setup build release
	tools/release

# twice in different folders, libraries too: some minutes
release-check:
	tools/setup build release
	tools/release --check

install: all
	meson install -C build

format:
	git ls-files '*.[ch]' | xargs clang-format -i

clean:
	rm -rf build build-* dist
