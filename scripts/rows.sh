# Sending the sample rows to an endpoint and judging the answers. Sourced, never run. Needs curl and awk, no Python.
# A rows file has lines USER TAB PREDICTION-OF-VERSION-1 [TAB OF-VERSION-2] TAB REQUEST.

# send_rows URL MODEL ROWS [HEADER...]: one connection, one request a row with the row's user. Prints a line for each answer:
# USER TAB VARIANT TAB VERSION TAB PREDICTION (or the whole answer, where it is no prediction).
send_rows() {
  local url=$1 model=$2 rows=$3; shift 3
  local answers; answers=$(mktemp)
  awk -F'\t' -v url="$url/v2/models/$model/infer" -v extra="$(printf '%s\n' "$@")" '
    { body = $NF; gsub(/\\/, "\\\\", body); gsub(/"/, "\\\"", body)
      if (NR > 1) print "next"
      print "url = \"" url "\"\nsilent\nshow-error\nmax-time = 10\nheader = \"content-type: application/json\""
      print "header = \"x-user-id: " $1 "\"\ndata-binary = \"" body "\"\nwrite-out = \"\\n\""
      n = split(extra, headers, "\n"); for (i = 1; i <= n; i++) if (headers[i] != "") print "header = \"" headers[i] "\"" }
  ' "$rows" | curl -K - > "$answers" || true
  paste <(cut -f1 "$rows") <(sed -E 's/^.*"model_version":"([^"]*)".*"variant":"([^"]*)".*"outputs":.*"data":\[([^]]*)\].*$/\2\t\1\t\3/' "$answers")
  rm -f "$answers"
}

# compare_rows ROWS < answers of send_rows: USER TAB VARIANT TAB PREDICTION TAB WHAT THE FRAMEWORK PREDICTED TAB equal|DIFFERS
compare_rows() {
  awk -F'\t' -v rows="$1" '
    BEGIN { while ((getline line < rows) > 0) { n = split(line, f, "\t"); for (v = 2; v < n; v++) want[f[1], v - 1] = f[v] } }
    { w = want[$1, $3]; print $1 "\t" $2 "\t" $4 "\t" w "\t" (w != "" && w == $4 ? "equal" : "DIFFERS") }'
}
