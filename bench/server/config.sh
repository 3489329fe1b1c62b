# For bench/*.sh, to be sourced: serving_config MODEL CACHE writes serving.json of one model, breast-cancer, to stdout.
serving_config() {
  local document format
  document=$("${CLOPS_BENCH_BUILD:?bench/run sets it}/bin/clops-server" inspect --uri "file://$1" --allow-file-uris --cache "$2" | tail -n 1)
  format=$(sed -E 's/.*"format":"([^"]*)".*/\1/' <<< "$document")
  cat << JSON
{"version":1,"generation":1,"models":[{"name":"breast-cancer","salt":"bench","stable":"champion","variants":[{"name":"champion","weight":100,
"model":{"modelVersion":"breast-cancer-1","version":"1","uri":"file://$1","digest":"sha256:$(sha256sum "$1" | cut -d' ' -f1)","format":"$format"}}],
"buckets":[{"begin":0,"end":10000,"variant":"champion"}]}]}
JSON
}
