# Names for what is done most. The work itself is in cargo and in xtask/.

PREFIX ?= /usr/local
CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
XTASK := $(CARGO) xtask

.DEFAULT_GOAL := help
.PHONY: help build run test test-fast bench fuzz install deb fmt lint tidy

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

build: ## release binary, at $CARGO_TARGET_DIR/release/postern (target/release/postern)
	$(CARGO) build --release --locked --package postern

run: build ## release build, then a seeded demo organisation on loopback; ARGS= goes to `postern demo`
	$(TARGET)/release/postern demo $(ARGS)

test: ## everything; installs the Debian packages it needs
	$(XTASK) test

test-fast: ## SQLite, our own clients; a few minutes
	$(XTASK) test --fast

bench: ## workloads beside a peer, durable; installs Debian's Dovecot and Postfix
	$(XTASK) prepare --bench
	$(XTASK) db --durable -- $(CARGO) run --release --locked --package postern-bench -- $(ARGS)

fuzz: ## each fuzz target for a minute; ARGS="--seconds N NAME" or "NAME FILE"
	$(XTASK) fuzz $(ARGS)

install: build ## the binary, its unit, manual pages and completions, under PREFIX= (/usr/local) and DESTDIR=
	PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) sh deploy/install.sh $(TARGET)/release/postern

deb: build ## a Debian package, at $CARGO_TARGET_DIR/debian (target/debian)
	sh deploy/deb.sh $(TARGET)/release/postern $(TARGET)/debian

fmt: ## format every Rust file
	$(CARGO) fmt --all

lint: ## clippy, warnings as errors, then tidy
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(XTASK) tidy

tidy: ## walls between crates, module headers, banned calls, words, licences
	$(XTASK) tidy
