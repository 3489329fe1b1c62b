# Shared by the scripts: where caches lie, how a step is run and shown. Sourced, never run.
# A step's output goes to a log; on a terminal one line says what is happening, and only failures are shown.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${CLOPS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/clops}   # outside the clone: survives it, shared by clones
export CCACHE_DIR=${CCACHE_DIR:-$cache/ccache} CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-4G} CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
mkdir -p "$cache"
jobs=${CLOPS_JOBS:-$(nproc)}
logs=$root/build/logs

if [ -t 1 ] && [ -z "${CI:-}" ]; then
  bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m' live=1
else
  bold='' dim='' red='' green='' plain='' live=''
fi

say() { printf '%s\n' "$*"; }
title() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
die() { printf '%serror:%s %s\n' "$red" "$plain" "$*" >&2; exit 1; }
now_ms() { local t=${EPOCHREALTIME/[.,]/}; echo $((t / 1000)); }
seconds() { printf '%d.%d s' $(($1 / 1000)) $(($1 % 1000 / 100)); }

# What a log says of its failures, if anything: a script's case, a GoogleTest, a compiler's or a tool's line, each with what follows.
excerpt() {
  awk '/^ *FAIL  / { left = 14 } /^ *ok  / { left = 0 } /: Failure$|^(FAIL|ERROR): / { left = 8 } /error:|FAILED|Failure|Error/ { if (left < 2) left = 2 }
    left > 0 { --left; print substr($0, 1, 200); if (++said == 40) exit }' "$1"
}

# step TEXT COMMAND...: runs it with its output in a log. Shows a line of progress (on a terminal: in place; else every 30 s),
# one line when it is done, and the end of the log when it failed. Returns the command's status.
step() {
  local text=$1; shift
  mkdir -p "$logs"
  local log=$logs/$(tr -cs 'a-zA-Z0-9' '-' <<<"$text" | sed 's/^-*//; s/-*$//').log started status=0 ticks=0
  started=$(now_ms)
  "$@" >"$log" 2>&1 </dev/null &
  local pid=$!
  step_pid=$pid
  while kill -0 "$pid" 2>/dev/null; do
    if [ -n "$live" ]; then
      printf '\r\e[K  %s…%s %s %s%s%s' "$dim" "$plain" "$text" "$dim" "$(tail -c 400 "$log" | tr '\r' '\n' | tail -n 1 | cut -c1-70)" "$plain"
    elif ((++ticks % 300 == 0)); then
      printf '  … %s, %s: %s\n' "$text" "$(seconds $(($(now_ms) - started)))" "$(tail -n 1 "$log" | cut -c1-100)"
    fi
    sleep 0.1
  done
  wait "$pid" || status=$?
  [ -z "$live" ] || printf '\r\e[K'
  local took; took=$(seconds $(($(now_ms) - started)))
  if [ "$status" = 0 ]; then
    printf '  %sok%s    %s %s(%s)%s\n' "$green" "$plain" "$text" "$dim" "$took" "$plain"
  else
    printf '  %sFAIL%s  %s (%s, exit %s)\n' "$red" "$plain" "$text" "$took" "$status"
    local said; said=$(excerpt "$log")
    { [ -z "$said" ] || printf '%s\n' "$said"; printf '  --- the end of %s\n' "${log#"$root"/}"; tail -n 40 "$log"; } | sed 's/^/  | /'
    { printf '  %s (exit %s)\n' "$text" "$status"; printf '%s\n' "${said:-$(tail -n 8 "$log")}" | sed 's/^/  | /'; } >> "${what_failed:-/dev/null}"
  fi
  return "$status"
}

# configure PRESET: only when there is no build tree yet or the build files' list changed; ninja does the rest by itself.
configure() { [ -f "$root/build/$1/build.ninja" ] || (cd "$root" && cmake --preset "$1"); }
build() { local preset=$1; shift; configure "$preset" && nice ninja -C "$root/build/$preset" -j "$jobs" "$@"; }

# wait_until SECONDS COMMAND...: quietly, ten times a second.
wait_until() {
  local end=$(($(now_ms) + $1 * 1000)); shift
  until "$@" >/dev/null 2>&1; do
    [ "$(now_ms)" -lt "$end" ] || return 1
    sleep 0.1
  done
}

free_port() {  # not in use now; the range keeps away from the system's own choice
  local port
  while port=$((20000 + RANDOM % 10000)); (: < "/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}
