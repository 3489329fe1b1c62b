-- One body, again and again. BODY: a file; TARGET: a path; TYPE: its content type; HEADER: the length of a binary request's JSON.
local file = assert(io.open(os.getenv("BODY"), "rb"))
wrk.method = "POST"
wrk.path = os.getenv("TARGET")
wrk.body = file:read("*a")
wrk.headers["Content-Type"] = os.getenv("TYPE")
if os.getenv("HEADER") ~= "" then wrk.headers["Inference-Header-Content-Length"] = os.getenv("HEADER") end
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("result %d %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), latency:percentile(99.9), errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
