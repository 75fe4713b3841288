#!/usr/bin/env bash
# Installs the peers that bench/client measures beside matrix, each pinned and in a virtual environment of its own, under
# ${MATRIX_BENCH:-${XDG_CACHE_HOME:-~/.cache}/matrix/bench}. Run it again at any time; what is there already stays.
set -uo pipefail

readonly PEERS='aiohttp aiohttp==3.13.2
guidellm guidellm==0.8.1
aiperf aiperf==0.13.0'

bench=${MATRIX_BENCH:-${XDG_CACHE_HOME:-$HOME/.cache}/matrix/bench}
mkdir -p "$bench" || exit 1
status=0
while read -r name package; do
  dir=$bench/$name
  [[ -f $dir/installed && $(<"$dir/installed") == "$package" ]] && continue
  echo "install $package into $dir" >&2
  if python3 -m venv --clear "$dir" && nice "$dir/bin/pip" install -q "$package" >&2; then
    echo "$package" >"$dir/installed"
  else
    echo "could not install $package" >&2
    rm -rf "$dir"
    status=1
  fi
done <<<"$PEERS"
exit $status
