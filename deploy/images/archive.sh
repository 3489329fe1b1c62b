#!/usr/bin/env bash
# Packs a root file system as an image: an OCI archive that containerd, podman, skopeo and registries' clients read. The same
# files give the same bytes. Needs GNU tar and sha256sum, no container engine.
#
#   deploy/images/archive.sh FOLDER ARCHIVE NAME:TAG USER ENTRYPOINT [VERSION]
# Prints the image's digest.
set -euo pipefail
[ $# -ge 5 ] || { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 2; }
folder=$1 archive=$2 name=$3 user=$4 entrypoint=$5 version=${6:-}
case $(uname -m) in x86_64) architecture=amd64 ;; aarch64) architecture=arm64 ;; *) echo "$(uname -m): no image is known for it" >&2; exit 1 ;; esac
# What engines call it: an image without a registry in its name is one of Docker Hub's to them all.
case $name in
  */*) case ${name%%/*} in *.* | *:* | localhost) full=$name ;; *) full=docker.io/$name ;; esac ;;
  *) full=docker.io/library/$name ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/blobs/sha256"

pack() { tar --create --format=gnu --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner "$@"; }
# put FILE: becomes a blob; prints its digest.
put() { local digest; digest=$(sha256sum "$1" | cut -d' ' -f1); mv "$1" "$work/blobs/sha256/$digest"; echo "$digest"; }
size() { stat -c %s "$work/blobs/sha256/$1"; }

pack --directory "$folder" --file "$work/layer" .
layer=$(put "$work/layer")
printf '{"created":"1970-01-01T00:00:00Z","architecture":"%s","os":"linux","config":{"User":"%s","Entrypoint":["%s"],"Env":["PATH=/usr/bin"],"Labels":{"org.opencontainers.image.title":"%s","org.opencontainers.image.version":"%s"}},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]},"history":[{"created":"1970-01-01T00:00:00Z","created_by":"deploy/images"}]}' \
  "$architecture" "$user" "$entrypoint" "$(basename "${name%%:*}")" "$version" "$layer" > "$work/config"
config=$(put "$work/config")
oci=application/vnd.oci.image
printf '{"schemaVersion":2,"mediaType":"%s.manifest.v1+json","config":{"mediaType":"%s.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"%s.layer.v1.tar","digest":"sha256:%s","size":%s}]}' \
  $oci $oci "$config" "$(size "$config")" $oci "$layer" "$(size "$layer")" > "$work/manifest"
manifest=$(put "$work/manifest")
printf '{"schemaVersion":2,"mediaType":"%s.index.v1+json","manifests":[{"mediaType":"%s.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"io.containerd.image.name":"%s","org.opencontainers.image.ref.name":"%s"}}]}' \
  $oci $oci "$manifest" "$(size "$manifest")" "$full" "${name##*:}" > "$work/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' > "$work/oci-layout"
chmod -R u=rwX,go=rX "$work"
pack --directory "$work" --file "$archive" blobs index.json oci-layout
echo "sha256:$manifest"
