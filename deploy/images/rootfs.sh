#!/usr/bin/env bash
# Makes the root file system of one program's image: the program without debug information, the libraries it loads, the
# certificate authorities, a user. No shell, no package manager, nothing else.
#
#   deploy/images/rootfs.sh PROGRAM FOLDER [ONNXRUNTIME]
# PROGRAM is a path; it becomes /usr/bin/NAME. FOLDER must not exist yet. ONNXRUNTIME: the path of ONNX Runtime's shared
# library (libonnxruntime.so.1...), which clops-server opens where a model is ONNX.
set -euo pipefail
[ $# = 2 ] || [ $# = 3 ] || { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 2; }
program=$1 folder=$2 onnxruntime=${3:-}
authorities=/etc/ssl/certs/ca-certificates.crt
[ -x "$program" ] || { echo "$program: there is no such program; build it first" >&2; exit 1; }
[ -s "$authorities" ] || { echo "$authorities: missing; install ca-certificates" >&2; exit 1; }
[ ! -e "$folder" ] || { echo "$folder: exists already" >&2; exit 1; }
umask 022

mkdir -p "$folder"/{usr/bin,etc/ssl/certs,tmp}
strip --strip-all -o "$folder/usr/bin/$(basename "$program")" "$program"
chmod 755 "$folder/usr/bin/$(basename "$program")"

# Each library under the very path that the loader looks for; the loader itself under the path in the program's header.
# libcurl is opened by its name with the first request (base/curl_library.h), so that ldd does not know of it.
beside=$(ldd "$program" | sed -nE 's,^[[:space:]]*libcrypto[^ ]* => (/.*)/[^/ ]+ \(0x[0-9a-f]+\)$,\1,p')
curl=$beside/libcurl.so.4
[ -e "$curl" ] || { echo "$curl: missing; install libcurl4" >&2; exit 1; }
install -D -m 755 "$(readlink -f "$curl")" "$folder$curl"
libraries=$(ldd "$program" "$curl" ${onnxruntime:+"$onnxruntime"})
! grep -q 'not found' <<<"$libraries" || { grep 'not found' <<<"$libraries" >&2; exit 1; }
sed -nE 's,^[[:space:]]*([^ ]+ => )?(/[^ ]+) \(0x[0-9a-f]+\)$,\2,p' <<<"$libraries" | sort -u | while read -r library; do
  install -D -m 755 "$(readlink -f "$library")" "$folder$library"
done

[ -z "$onnxruntime" ] || install -D -m 755 "$(readlink -f "$onnxruntime")" "$folder/usr/lib/libonnxruntime.so.1"

install -m 644 "$authorities" "$folder$authorities"
printf 'root:x:0:0:root:/:/sbin/nologin\nclops:x:65532:65532:clops:/:/sbin/nologin\n' > "$folder/etc/passwd"
printf 'root:x:0:\nclops:x:65532:\n' > "$folder/etc/group"
chmod 1777 "$folder/tmp"
