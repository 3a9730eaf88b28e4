# What other machines install: the tree that `make install` makes, packed. TARGET_ARCH=aarch64 packs it for those.
# Two builds of one commit give the same bytes: all times are the commit's, and no folder of the builder's is in them.

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# It may be followed by more, such as 0.1.0+1.
PACKAGE_VERSION = $(VERSION)
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)

PACKAGES = target/packages
# Cargo.toml names it, too.
TREE = target/packages/tree
TOOLS = target/tools
CARGO_DEB = $(TOOLS)/cargo-deb@3.8.0/bin/cargo-deb
CARGO_GENERATE_RPM = $(TOOLS)/cargo-generate-rpm@0.21.1/bin/cargo-generate-rpm

DEB_ARCH = $(patsubst aarch64,arm64,$(patsubst x86_64,amd64,$(TARGET_ARCH)))
DEB = $(PACKAGES)/sculler_$(PACKAGE_VERSION)_$(DEB_ARCH).deb
RPM = $(PACKAGES)/sculler-$(PACKAGE_VERSION)-1.$(TARGET_ARCH).rpm
TARBALL = $(PACKAGES)/sculler-$(PACKAGE_VERSION)-$(TARGET_ARCH).tar.gz
SYSEXT = $(PACKAGES)/sculler-$(PACKAGE_VERSION)-$(TARGET_ARCH).raw

.PHONY: check-packages deb deb-only rpm rpm-only tarball tarball-only sysext sysext-only packages packages-only reproducible tree

# `make deb-only BINARY=…` packs what is built already.
deb rpm tarball sysext packages: build
	@$(MAKE) --no-print-directory $@-only

# What `make test` leaves out, since the tools alone take minutes to build.
check-packages: packages
	@packaging/tools lintian rpm
	lintian --allow-root --fail-on error,warning $(DEB)
	packaging/rpm/check $(RPM) $(TREE)

packages-only: deb-only rpm-only tarball-only sysext-only

deb-only: tree $(CARGO_DEB)
	packaging/deb/changelog $(PACKAGE_VERSION) | gzip -9n > $(TREE)/usr/share/doc/sculler/changelog.gz
	$(CARGO_DEB) --no-build --no-strip --offline --quiet --target $(TARGET) $(DEB_FLAGS) --deb-version $(PACKAGE_VERSION) --output $(DEB)
	@echo $(DEB)

rpm-only: tree $(CARGO_GENERATE_RPM)
	mkdir -p $(PACKAGES)
	$(CARGO_GENERATE_RPM) --target $(TARGET) --auto-req no --set-metadata 'version = "$(PACKAGE_VERSION)"' --output $(RPM)
	@echo $(RPM)

tarball-only: tree
	packaging/tarball/pack $(TREE) sculler-$(PACKAGE_VERSION)-$(TARGET_ARCH) $(TARBALL)
	@echo $(TARBALL)

sysext-only: tree
	@packaging/tools mksquashfs
	packaging/sysext/pack $(TREE) $(TARGET_ARCH) $(SYSEXT)
	@echo $(SYSEXT)

tree:
	rm -rf $(TREE)
	$(MAKE) --no-print-directory install DESTDIR=$(TREE) PREFIX=/usr >/dev/null
	install -D -m 644 -t $(TREE)/usr/share/doc/sculler README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE docs/*.md
	packaging/licences $(TARGET) | gzip -9n > $(TREE)/usr/share/doc/sculler/licences.gz
	find $(TREE)/usr/share/man -type f -exec gzip -9n {} +
	chmod -R u=rwX,go=rX $(TREE)
	find $(TREE) -exec touch -h -d @$(SOURCE_DATE_EPOCH) {} +

# All packages of this commit, built in two folders, and compared.
reproducible:
	packaging/reproducible $(TARGET_ARCH)

# Unoptimized: they are built once and run for a second.
$(TOOLS)/%/bin/cargo-deb:
	cargo install --quiet --locked --debug --root $(TOOLS)/$* $*

$(TOOLS)/%/bin/cargo-generate-rpm:
	cargo install --quiet --locked --debug --root $(TOOLS)/$* $*
