# Coldstream's tasks. `make` alone lists them. CARGO_TARGET_DIR is honoured, because cargo does.

ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help need parts dashboard demo test chaos simulate functions lint doc bench bench-e2e model thermo-tables clean-data

help: ## list these tasks
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

need:
	@scripts/need.sh build

parts: ## install the broker, the S3 server and the table readers of the tests (once)
	@scripts/parts.sh

# npm's own note of what it installed stands for the folder; the page stands for the whole build.
dashboard/node_modules/.package-lock.json: dashboard/package.json dashboard/package-lock.json
	cd dashboard && npm ci --ignore-scripts --loglevel=error
	@touch $@

dashboard/dist/index.html: dashboard/node_modules/.package-lock.json $(wildcard dashboard/*.json dashboard/*.ts dashboard/*.yaml) \
		dashboard/index.html $(shell find dashboard/src dashboard/public proto -type f -not -path 'dashboard/src/gen/*')
	cd dashboard && npm run --silent build
	@touch $@

dashboard: need dashboard/dist/index.html ## the dashboard's files, which the program then carries in itself

demo: need dashboard ## a whole Coldstream in one process, without any set-up; options go in ARGS="--machines 50"
	cargo run -- demo $(ARGS)

# The integration tests come last: they take longest and say most.
test: need parts dashboard ## every test, against real parts
	cd dashboard && npm test --silent
	cargo test --lib --bins --no-run
	scripts/coolprop.py
	cargo test --lib --bins
	cargo test --doc
	cargo test --test it

# SECONDS and SEED as in `make chaos SECONDS=600 SEED=7`.
chaos: need parts ## three processes killed, ended, frozen and started at random under load for five minutes, and the broker
	COLDSTREAM_CHAOS_SECONDS=$(or $(SECONDS),300) COLDSTREAM_CHAOS_SEED=$(SEED) \
		cargo test --test it -- --nocapture chaos_leaves_every_table

SEEDS ?= 10000

simulate: need ## the worker in a world that fails and kills, for SEEDS=10000 seeds
	COLDSTREAM_SEEDS=$(SEEDS) cargo test --lib simulation::tests::every -- --nocapture

functions: need ## docs/sql-functions.md, made from the declarations of the functions
	COLDSTREAM_DOCS=write cargo test --lib page_of_the_functions

lint: need ## formatting and lints, warnings are errors
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings

doc: need ## the documentation of the library, warnings are errors
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps

bench: need ## benches of the parts of the data path, release build
	cargo bench --bench '*' --no-run
	scripts/coolprop.py
	cargo bench --bench '*'

bench-e2e: need parts ## broker to committed tables: readings a second, release build
	scripts/bench_e2e.py

# Simulated plants, half of which fall ill within the day; the models of the folder play no part in it.
TRAIN = cargo run -- train --query queries/training/failure.sql --label failure --input data/training/tables \
	--data "480 simulated machines, one day, seed 7, half of them with a fault"
# The plants of `make demo`, healthy, from winter to summer.
EXPECT = cargo run -- train --algorithm baseline --input data/healthy/tables \
	--data "50 simulated machines, 200 days, seed 1, healthy"

model: need ## train the shipped models again, from nothing
	rm -rf data/training data/healthy
	mkdir -p data/training/no-models data/healthy
	cargo run -- simulate --machines 480 --duration 1d --period 5s --faulty-share 0.5 --seed 7 \
		--out data/training/readings.parquet --faults data/training/truth.parquet --machines-out data/training/machines.toml
	cargo run -- backtest --input data/training/readings.parquet --only features --alarms none \
		--models data/training/no-models --machines data/training/machines.toml --out data/training/tables
	mv data/training/truth.parquet data/training/tables/faults.parquet
	$(TRAIN) --algorithm logistic --out models/failure.json
	$(TRAIN) --algorithm forest --out models/failure_forest.json
	cargo run -- simulate --machines 50 --duration 200d --period 20m --faulty-share 0 \
		--out data/healthy/readings.parquet --machines-out data/healthy/machines.toml
	cargo run -- backtest --input data/healthy/readings.parquet --only features --alarms none \
		--models data/training/no-models --machines data/healthy/machines.toml --out data/healthy/tables
	for of in condensing:temp_condenser_avg evaporating:temp_evaporator_avg current:compressor_current_avg cop:cop_cycle; do \
		$(EXPECT) --query queries/training/expected_$${of%%:*}.sql --label $${of##*:} --name $${of%%:*} \
			--out models/demo/expected_$${of%%:*}.json || exit 1; done

thermo-tables: need ## make the tables of refrigerants again, from CoolProp; NAMES="R134a R744" makes some of them
	cargo build --example thermo_tables
	scripts/coolprop.py
	cargo run --example thermo_tables -- $(NAMES)

clean-data: ## remove what `make demo` and `make model` wrote
	rm -rf data
