#!/usr/bin/env bash
# clops-server beside MLServer, KServe's Python server and BentoML with the same model, a bare epoll responder and a bare
# grpc++ echo that send as many bytes: requests per second, latencies, CPU a request and memory, one row and 100 rows, JSON,
# binary and gRPC, 1, 16 and 256 connections. Servers on one core, load generator on the other. The figure: one row as JSON,
# our requests per second over the responder's, the worse of 1 and 16 connections. BENCH_SERVERS="clops responder" takes some;
# BENCH_SECONDS and BENCH_RUNS change its length. Peers are fetched once.
# targets: clops-server bench_rest_one_row_responder
set -euo pipefail
export BIN=${CLOPS_BENCH_BUILD:?bench/run sets it}/bin
source bench/server/config.sh
cache=${CLOPS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/clops}
asked=${BENCH_SERVERS:-clops responder echo MLServer KServe BentoML}
for tool in wrk h2load taskset python3; do
  command -v "$tool" > /dev/null || { echo "bench: $tool is missing: apt-get install wrk nghttp2-client util-linux python3-venv" >&2; exit 1; }
done
if (( $(nproc) < 2 )); then echo "bench: two cores are needed, one for the server and one for the load" >&2; exit 1; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

VENVS=
for peer in mlserver kserve bentoml; do
  case " ${asked,,} " in *" $peer "*) ;; *) continue ;; esac
  home=$cache/bench-server-$peer-$(sha256sum "bench/server/$peer.txt" | cut -c1-12)
  if [ ! -f "$home/complete" ]; then
    echo "fetching $peer (once) ..."
    rm -rf "$home"
    { python3 -m venv "$home" && "$home/bin/pip" -q --disable-pip-version-check install -r "bench/server/$peer.txt"; } >&2
    touch "$home/complete"
  fi
  VENVS+="$peer=$home "
done
export VENVS
export GRPC_LOAD=$CLOPS_BENCH_BUILD/bin/grpc_load
[ "$GRPC_LOAD" -nt bench/server/grpc_load.cc ] || g++ -O2 -std=c++17 bench/server/grpc_load.cc -o "$GRPC_LOAD" -lnghttp2
case " $asked " in *" echo "*)
  pkg-config --exists grpc++ || { echo "bench: grpc++ is missing: apt-get install libgrpc++-dev" >&2; exit 1; }
  export ECHO=$CLOPS_BENCH_BUILD/bin/grpc_echo
  # shellcheck disable=SC2046
  [ "$ECHO" -nt bench/server/grpc_echo.cc ] || g++ -O2 -std=c++17 bench/server/grpc_echo.cc -o "$ECHO" $(pkg-config --cflags --libs grpc++) ;;
esac

model=$PWD/samples/models/breast-cancer/1/model.ubj
cp "$model" "$work/model.ubj"
serving_config "$model" "$work/cache" > "$work/serving.json"
python3 bench/server_table.py "$work"
