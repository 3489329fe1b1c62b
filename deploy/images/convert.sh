#!/usr/bin/env bash
# Makes the image clops-convert of tools/convert as an OCI archive, without a container engine: this machine's Python with the
# libraries it loads, and the packages of a virtual environment made with it. No shell. tools/convert/Containerfile is for
# those who have an engine.
#
#   deploy/images/convert.sh VENV ARCHIVE [VERSION]
# VENV has tools/convert/requirements.txt; what only graphics cards use (nvidia) and what only installs is left out. Prints what
# build.sh prints.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 2; }
venv=$1 archive=$2
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
version=${3:-$(sed -n 's/^.*kProgramVersion = "\(.*\)";$/\1/p' "$root/base/version.h")}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022

python=$(readlink -f "$venv/bin/python")
# shellcheck disable=SC2046
read -r library packages <<<$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"))')
# The interpreter, its loader and libraries, the certificate authorities, a user: as for any program.
"$here/rootfs.sh" "$python" "$work/root"
copy() { tar --create --directory "$1" --exclude=__pycache__ --exclude=tests "${@:2}" . | tar --extract --directory "$work/root$to"; }
to=$library; mkdir -p "$work/root$to"
copy "$library" --exclude=./test --exclude=./idlelib --exclude=./ensurepip --exclude=./dist-packages --exclude=./site-packages
to=/usr/lib/clops-convert; mkdir -p "$work/root$to"
copy "$packages" --exclude=./nvidia --exclude=./pip --exclude=./setuptools --exclude=./pkg_resources --exclude='*.pth'
cp -r "$root/tools/convert/clops_convert" "$work/root$to/"
find "$work/root$to" -name __pycache__ -prune -exec rm -rf {} +
# What the extensions load beside what the interpreter does; what they bring themselves they find by themselves.
find "$work/root$library" "$work/root$to" -name '*.so*' -type f -print0 | xargs -0 ldd 2> /dev/null |
  sed -nE 's,^[[:space:]]*[^ ]+ => (/(usr/)?lib[^ ]+) \(0x[0-9a-f]+\)$,\1,p' | sort -u | while read -r one; do
    [ -e "$work/root$one" ] || install -D -m 644 "$(readlink -f "$one")" "$work/root$one"
  done
program=/usr/bin/clops-convert
printf '#!/usr/bin/%s -B\nimport sys\nsys.path.insert(0, "%s")\nimport clops_convert.__main__\n' "$(basename "$python")" "$to" > "$work/root$program"
chmod 755 "$work/root$program"

bytes=$(find "$work/root" -type f -printf '%s\n' | awk '{n += $1} END {print n}')
digest=$("$here/archive.sh" "$work/root" "$archive.new" "clops-convert:$version" 65532:65532 "$program" "$version")
mv "$archive.new" "$archive"
printf '%s\t%s\t%s\t%s\n' "clops-convert:$version" "$digest" "$bytes" "$archive"
