# What other machines install: the same tree as `make install`, packed. TARGET_ARCH=aarch64 packs it for those.
# Two builds of one commit give the same bytes: all times are the commit's, and no folder of the builder is in them.

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# A Debian version sorts after the one that it replaces: 0.1.0 < 0.1.0+1.
PACKAGE_VERSION = $(VERSION)
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)

PACKAGES = target/packages
# Cargo.toml names it, too.
TREE = target/packages/tree
TOOLS = target/tools
CARGO_DEB = $(TOOLS)/cargo-deb@3.8.0/bin/cargo-deb
DEB_ARCH = $(patsubst aarch64,arm64,$(patsubst x86_64,amd64,$(TARGET_ARCH)))
DEB = $(PACKAGES)/sculler_$(PACKAGE_VERSION)_$(DEB_ARCH).deb

.PHONY: deb deb-only tree

deb: build
	$(MAKE) --no-print-directory deb-only

# What is built already, for those who need no build: `make deb-only BINARY=…`
deb-only: tree $(CARGO_DEB)
	packaging/deb/changelog $(PACKAGE_VERSION) | gzip -9n > $(TREE)/usr/share/doc/sculler/changelog.gz
	$(CARGO_DEB) --no-build --no-strip --offline --quiet --target $(TARGET) $(DEB_FLAGS) --deb-version $(PACKAGE_VERSION) --output $(DEB)
	@echo $(DEB)

tree:
	rm -rf $(TREE)
	$(MAKE) --no-print-directory install DESTDIR=$(TREE) PREFIX=/usr >/dev/null
	install -D -m 644 -t $(TREE)/usr/share/doc/sculler README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE docs/*.md
	find $(TREE)/usr/share/man -type f -exec gzip -9n {} +

# Unoptimized: they are built once and run for a second.
$(TOOLS)/%/bin/cargo-deb:
	cargo install --quiet --locked --debug --root $(TOOLS)/$* $*
