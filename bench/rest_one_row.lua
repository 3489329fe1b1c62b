-- One row of 30 floats a request, 64 different ones in turn. ROWS: a file with one request body a line.
local requests = {}
for body in io.lines(os.getenv("ROWS")) do
  requests[#requests + 1] = body
end
local at = 0
function init()
  for i, body in ipairs(requests) do
    requests[i] = wrk.format("POST", os.getenv("TARGET"), {["Content-Type"] = "application/json", ["Host"] = "bench"}, body)
  end
end
function request()
  at = at % #requests + 1
  return requests[at]
end
