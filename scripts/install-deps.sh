#!/usr/bin/env bash
# Installs what building (and, with `test`, testing; with `cluster`, a Kubernetes node for the tests) needs, from the
# distribution's packages: Debian 12, Ubuntu 24.04.
# Nothing happens where all is present. Uses sudo when not root.
#
#   scripts/install-deps.sh [build|test|cluster]
source "$(dirname "$0")/lib.sh"
what=${1:-build}
packages=(git ca-certificates curl g++ cmake ninja-build ccache mold pkg-config
  libboost-dev nlohmann-json3-dev libsimdjson-dev libyaml-cpp-dev libspdlog-dev libfmt-dev libssl-dev libcurl4-openssl-dev
  libnghttp2-dev libxxhash-dev libsqlite3-dev libcli11-dev zlib1g-dev libzstd-dev libprotobuf-dev protobuf-compiler
  libgtest-dev libgmock-dev libbenchmark-dev librapidcheck-dev)
case $what in
  build) ;;
  test) packages+=(clang-19 clang-tidy-19 clang-format-19 libclang-rt-19-dev openssl wrk procps jq python3-venv) ;;
  cluster) packages+=(containerd runc containernetworking-plugins iptables conntrack iproute2 openssl procps jq) ;;
  *) die "scripts/install-deps.sh: $what? (build, test or cluster)" ;;
esac

command -v dpkg-query >/dev/null || die "this is not Debian or Ubuntu: install the equivalents of: ${packages[*]}"
missing=()
installed=" $(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' 2>/dev/null | sed -n 's/^ii //p' | tr '\n' ' ')"
for package in "${packages[@]}"; do
  [[ $installed == *" $package "* ]] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || die "need root or sudo to install: ${missing[*]}"
  as_root=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
apt_get() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=300 "$@"; }
step "package lists" apt_get update
step "install ${#missing[@]} packages" apt_get install --no-install-recommends "${missing[@]}"
