# Coldstream's tasks. `make` alone lists them. CARGO_TARGET_DIR is honoured, because cargo does.

ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help need parts demo test lint doc bench clean-data

help: ## list these tasks
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

need:
	@scripts/need.sh build

parts: ## install the broker, the S3 server and the table readers of the tests (once)
	@scripts/parts.sh

demo: need ## a whole Coldstream in one process, without any set-up; options go in ARGS="--machines 50"
	cargo run -- demo $(ARGS)

# The integration tests come last: they take longest and say most.
test: need parts ## every test, against real parts
	cargo test --lib --bins
	cargo test --doc
	cargo test --test it

lint: need ## formatting and lints, warnings are errors
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings

doc: need ## the documentation of the library, warnings are errors
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps

bench: need ## benches of the parts of the data path, release build
	cargo bench --bench '*'

clean-data: ## remove what `make demo` wrote
	rm -rf data
