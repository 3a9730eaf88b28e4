# make demo      three hosts, one directory of unit files: see it work
# make test      every test, end-to-end ones on booted hosts included
# make install   binary, units and configuration below DESTDIR, with PREFIX (/usr)
# make install-fleetctl   the same binary under fleetctl's name as well, for scripts
# make deb | rpm | tarball | sysext   packages in target/packages; TARGET_ARCH=aarch64 makes those for such machines
# make packages  all of them
# make check-packages   makes them and checks what they hold
# make reproducible   builds them twice, in two folders, and compares
# make lint      formatting and warnings
# make bench     the measured figures, beside their peers
#
# demo, test and bench need root on a Debian machine with Rust; they install what else is missing.

PREFIX = /usr
DESTDIR =
SYSCONFDIR = /etc
UNITDIR = $(PREFIX)/lib/systemd/system

# The binary is looked for in target/.
unexport CARGO_TARGET_DIR

TARGET_ARCH := $(shell uname -m)
TARGET = $(TARGET_ARCH)-unknown-linux-musl
BINARY = target/$(TARGET)/release/sculler
# Man pages and completions
GENERATED = target/generated
SHARE = $(DESTDIR)$(PREFIX)/share
HOST = tests/host/host
# Their ExecStart= has the binary's path
SERVICES = sculler.service sculler-bootstrap.service sculler-sync.service sculler-tidy.service

.DEFAULT_GOAL := build
include packaging/packages.mk
.PHONY: build binary generated target setup demo test unit-test e2e-test lint bench install install-fleetctl clean

build: binary generated

# Where the builder keeps cargo's registry is not in the binary.
REMAP = --remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)=/cargo

# rustc brings a linker that is enough for a machine of another kind: nothing here is C.
ifneq ($(TARGET_ARCH),$(shell uname -m))
export CARGO_TARGET_$(shell echo $(TARGET_ARCH) | tr a-z A-Z)_UNKNOWN_LINUX_MUSL_LINKER ?= rust-lld
endif

# At a fixed address: what would have to be relocated takes 140 kB of memory of each process, once per container.
binary: target
	RUSTFLAGS="$$RUSTFLAGS $(REMAP)" cargo rustc --release --locked --target $(TARGET) --bin sculler -- \
		-C relocation-model=static

generated:
	cargo run --quiet --locked --example generate $(GENERATED)

# One static binary runs on every host; rustup brings the target if the toolchain lacks it.
target:
	@rustup target list --installed | grep -qx $(TARGET) || rustup target add $(TARGET)

setup:
	@$(HOST) setup all

# Building and unpacking a root file system keep different parts of a machine busy.
demo:
	@$(HOST) setup trixie & setup=$$!; $(MAKE) binary && wait $$setup
	@BINARY=$(BINARY) tests/demo/demo

test: unit-test e2e-test

unit-test:
	cargo test --locked --lib --bins --test cases --test cloud_config --test convert --test import --test layers --test properties --test pure --test quadlet --test relations

e2e-test: binary setup generated $(CARGO_DEB)
	@packaging/tools lintian unsquashfs
	SCULLER_BIN=$(abspath $(BINARY)) cargo test --locked --test e2e -- --test-threads=$(TEST_THREADS)

# Each host has a systemd and a Docker of its own to feed: more of them than cores make waits longer than their deadlines.
TEST_THREADS ?= 2

lint: target
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

bench: binary
	@$(HOST) setup trixie
	@for bench in $(BENCH); do SCULLER_BIN=$(abspath $(BINARY)) cargo bench --locked --bench $$bench || exit 1; done

BENCH = main_job language quadlet reload owners supervisor

install:
	install -D -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/sculler
	install -d $(DESTDIR)$(UNITDIR)
	for unit in $(SERVICES); do \
		sed 's|/usr/bin/sculler|$(PREFIX)/bin/sculler|' systemd/$$unit > $(DESTDIR)$(UNITDIR)/$$unit && \
		chmod 644 $(DESTDIR)$(UNITDIR)/$$unit || exit 1; \
	done
	install -m 644 -t $(DESTDIR)$(UNITDIR) systemd/sculler.target systemd/sculler-sync.timer
	install -D -m 644 systemd/sculler.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/sculler.conf
	install -D -m 644 systemd/sculler.preset $(DESTDIR)$(PREFIX)/lib/systemd/system-preset/80-sculler.preset
	install -D -m 644 docs/sculler.8 $(SHARE)/man/man8/sculler.8
	install -D -m 644 docs/sculler-keys.5 $(SHARE)/man/man5/sculler-keys.5
	install -D -m 644 -t $(SHARE)/doc/sculler/examples examples/units/*
	install -D -m 644 -t $(SHARE)/doc/sculler/cloud-config packaging/cloud-config/*.yaml
# Without them everything works, and nothing is built here: this may be root
ifneq ($(wildcard $(GENERATED)/man1),)
	install -D -m 644 -t $(SHARE)/man/man1 $(GENERATED)/man1/*.1
	install -D -m 644 $(GENERATED)/bash/sculler.bash $(SHARE)/bash-completion/completions/sculler
	install -D -m 644 -t $(SHARE)/zsh/site-functions $(GENERATED)/zsh/_sculler
	install -D -m 644 -t $(SHARE)/fish/vendor_completions.d $(GENERATED)/fish/sculler.fish
endif
	install -d $(DESTDIR)$(SYSCONFDIR)/sculler/units $(DESTDIR)$(SYSCONFDIR)/sculler/sculler.toml.d
	test -e $(DESTDIR)$(SYSCONFDIR)/sculler/sculler.toml || \
		install -D -m 644 systemd/sculler.toml $(DESTDIR)$(SYSCONFDIR)/sculler/sculler.toml

install-fleetctl: install
	ln -sf sculler $(DESTDIR)$(PREFIX)/bin/fleetctl

clean:
	cargo clean
