#!/usr/bin/env bash
# Makes the images clops-server and clops-operator as OCI archives, without a container engine, from programs that are built.
#
#   deploy/images/build.sh [--version V] [--build FOLDER] [--out FOLDER] [--prefix NAME/] [--onnxruntime LIBRARY] [PROGRAM...]
# --version: tag and label (the programs' own version without it). --build: a build folder (build/release). --out: where the
# archives go (build/images). --prefix: put before the image's name, such as registry.example/team/. PROGRAM: clops-server or
# clops-operator; both without one. --onnxruntime: the server's image also holds this shared library of ONNX Runtime, for
# models in ONNX, and is called clops-server-onnx (scripts/onnxruntime.sh fetches one and prints its path). Prints a line for each: NAME:TAG TAB DIGEST TAB UNCOMPRESSED BYTES TAB ARCHIVE.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$root/build/release out=$root/build/images prefix='' onnxruntime='' programs=() bytes_max=60000000
version=$(sed -n 's/^.*kProgramVersion = "\(.*\)";$/\1/p' "$root/base/version.h")
while [ $# -gt 0 ]; do
  case $1 in
    --version) version=$2; shift ;;
    --build) build=$2; shift ;;
    --out) out=$2; shift ;;
    --prefix) prefix=$2; shift ;;
    --onnxruntime) onnxruntime=$2; shift ;;
    clops-server | clops-operator) programs+=("$1") ;;
    *) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 2 ;;
  esac
  shift
done
[ ${#programs[@]} -gt 0 ] || programs=(clops-server clops-operator)
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for program in "${programs[@]}"; do
  name=$program library=() limit=$bytes_max
  if [ -n "$onnxruntime" ] && [ "$program" = clops-server ]; then
    name=clops-server-onnx library=("$onnxruntime") limit=$((bytes_max + $(stat -L -c %s "$onnxruntime")))
  fi
  "$here/rootfs.sh" "$build/bin/$program" "$work/$program" "${library[@]}"
  bytes=$(find "$work/$program" -type f -printf '%s\n' | awk '{n += $1} END {print n}')
  if [ "$bytes" -gt $limit ]; then
    echo "$name: $bytes bytes, more than $limit; the largest files:" >&2
    find "$work/$program" -type f -printf '%s %P\n' | sort -rn | head -n 10 >&2
    exit 1
  fi
  archive=$out/$name-$version.oci.tar
  digest=$("$here/archive.sh" "$work/$program" "$archive.new" "$prefix$name:$version" 65532:65532 "/usr/bin/$program" "$version")
  mv "$archive.new" "$archive"
  printf '%s\t%s\t%s\t%s\n' "$prefix$name:$version" "$digest" "$bytes" "$archive"
done
