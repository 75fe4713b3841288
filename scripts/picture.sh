#!/usr/bin/env bash
# docs/report.png, the README's picture: the top of the report on results measured on an H200 (results/testdata/README.md).
# Needs Debian's packages zstd, chromium and pngquant.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/results"
tar --zstd -xf results/testdata/h200.tar.zst -C "$work/results"
go build -o "$work/matrix" ./cmd/matrix
(cd "$work" && ./matrix report h200 --format html --out report >/dev/null 2>&1)
chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1280,1305 \
  --screenshot="$work/report.png" "file://$work/report/report.html" 2>/dev/null
pngquant --force --speed 1 --strip 24 --output docs/report.png "$work/report.png"
ls -l docs/report.png
