#!/usr/bin/env bash
# Fetches ONNX Runtime at the version of scripts/requirements-onnxruntime.txt into the user's cache (once) and prints the
# path of its shared library; with --python, of a Python that has it.
source "$(dirname "$0")/lib.sh"
requirements=$root/scripts/requirements-onnxruntime.txt
home=$cache/onnxruntime-$(sha256sum "$requirements" | cut -c1-12)
if [ ! -f "$home/complete" ]; then
  command -v python3 >/dev/null || die "python3 is missing: scripts/install-deps.sh test"
  rm -rf "$home"
  { python3 -m venv "$home" && "$home/bin/pip" -q --disable-pip-version-check install -r "$requirements"; } >&2 ||
    die "ONNX Runtime could not be fetched (python3-venv is needed, and a package index that pip reaches)"
  touch "$home/complete"
fi
if [ "${1:-}" = --python ]; then echo "$home/bin/python"; exit 0; fi
library=$(find "$home" -name 'libonnxruntime.so.1*' | head -n 1)
[ -n "$library" ] || die "the package onnxruntime has no libonnxruntime.so.1"
echo "$library"
