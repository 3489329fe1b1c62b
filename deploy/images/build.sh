#!/usr/bin/env bash
# Makes the images clops-server and clops-operator as OCI archives, without a container engine, from programs that are built.
#
#   deploy/images/build.sh [--version V] [--build FOLDER] [--out FOLDER] [--prefix NAME/] [PROGRAM...]
# --version: tag and label (the programs' own version without it). --build: a build folder (build/release). --out: where the
# archives go (build/images). --prefix: put before the image's name, such as registry.example/team/. PROGRAM: clops-server or
# clops-operator; both without one. Prints a line for each: NAME:TAG TAB DIGEST TAB UNCOMPRESSED BYTES TAB ARCHIVE.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$root/build/release out=$root/build/images prefix='' programs=() bytes_max=60000000
version=$(sed -n 's/^.*kProgramVersion = "\(.*\)";$/\1/p' "$root/base/version.h")
while [ $# -gt 0 ]; do
  case $1 in
    --version) version=$2; shift ;;
    --build) build=$2; shift ;;
    --out) out=$2; shift ;;
    --prefix) prefix=$2; shift ;;
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
  "$here/rootfs.sh" "$build/bin/$program" "$work/$program"
  bytes=$(find "$work/$program" -type f -printf '%s\n' | awk '{n += $1} END {print n}')
  if [ "$bytes" -gt $bytes_max ]; then
    echo "$program: $bytes bytes, more than $bytes_max; the largest files:" >&2
    find "$work/$program" -type f -printf '%s %P\n' | sort -rn | head -n 10 >&2
    exit 1
  fi
  archive=$out/$program-$version.oci.tar
  digest=$("$here/archive.sh" "$work/$program" "$archive.new" "$prefix$program:$version" 65532:65532 "/usr/bin/$program" "$version")
  mv "$archive.new" "$archive"
  printf '%s\t%s\t%s\t%s\n' "$prefix$program:$version" "$digest" "$bytes" "$archive"
done
