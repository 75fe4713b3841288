# The verbs of this repository. `just` comes with the PyPI package rust-just, among other ways.

golangci := "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0"

# List the verbs.
default:
    @{{ just_executable() }} --list --unsorted

# Build bin/matrix.
build:
    go build -o bin/matrix ./cmd/matrix

# Lay archives, a wheel and checksums under dist/, of all systems or of those named (linux/amd64).
dist *systems:
    go run ./scripts/dist {{ systems }}

# Make docs/report.png anew.
picture:
    scripts/picture.sh

# Run every test that needs no real engine.
test:
    go test ./...

# Run the tests against the real engines (`just engines` installs them).
test-real:
    #!/usr/bin/env bash
    set -euo pipefail
    eval "$(scripts/engines.sh --print-env)"
    MATRIX_REAL=1 go test -count=1 -timeout 40m -run TestReaders ./results/... ./backends/modelfile
    MATRIX_REAL=1 go test -count=1 -p 1 -timeout 40m ./backends/real/...

# Kill real applies n times, let their system calls and disks fail, and replay every state after a power cut.
crash n="1000":
    MATRIX_CRASH={{ n }} go test -count=1 -timeout 60m -v -run 'TestCrash$' ./results/store
    MATRIX_CRASH={{ n }} go test -count=1 -timeout 60m -v ./runner/crashtest

# Check formatting, go vet and what .golangci.yml lists.
check:
    @test -z "$(gofmt -l .)" || { echo "not gofmt'ed:"; gofmt -l .; exit 1; }
    go vet ./...
    go run {{ golangci }} run ./...

# Run the benchmarks.
bench:
    go test -run '^$' -bench . -benchmem ./...
    go run ./bench/plan
    go run ./bench/telemetry

# Install vLLM (CPU), Ollama and the test model, or only the components named.
engines *components:
    scripts/engines.sh {{ components }}

# Run the simulated experiment of the README: no GPU, no engine.
quickstart:
    go run ./cmd/matrix apply --auto-approve experiments/quickstart.hcl

# Run vLLM offline, vllm serve, llama.cpp and Ollama for real on this machine's processor.
# llama.cpp's cells come first: what they need is there in a minute. The others are installed before their cells run, not
# beside a measurement, which that would disturb.
quickstart-cpu:
    #!/usr/bin/env bash
    set -euo pipefail
    command -v uv >/dev/null || scripts/engines.sh uv
    go build -o bin/matrix ./cmd/matrix
    bin/matrix fetch --only platform=llama_cpp experiments/cpu.hcl
    bin/matrix apply --auto-approve --only platform=llama_cpp experiments/cpu.hcl || (($? == 4)) # 4: some cells failed
    bin/matrix fetch experiments/cpu.hcl
    exec bin/matrix apply --auto-approve experiments/cpu.hcl

# Measure what the client costs, beside a raw epoll floor, vllm bench's loop, guidellm and aiperf (installs these).
bench-client *flags:
    go run ./bench/client {{ flags }}
