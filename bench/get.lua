-- wrk script: GETs of something of each of so many orders, far apart in turn.
-- Arguments: path before and after the order, run whose orders to ask for, how many orders.
local before, after, run, orders, number

-- More than this many requests are made while it runs; that costs wrk a little.
local READY_MAX = 10000
local requests_ready = {}

local function request_of(order)
  return before .. string.format("o-%06d-%04d", order, run) .. after
end

function init(args)
  before, after = "GET " .. args[1], args[2] .. " HTTP/1.1\r\nHost: localhost\r\n\r\n"
  run, orders, number = tonumber(args[3]), tonumber(args[4]), 0
  for i = 0, math.min(orders, READY_MAX) - 1 do requests_ready[i] = request_of(i) end
end

function request()
  number = number + 1
  local order = number * 7919 % orders
  return requests_ready[order] or request_of(order)
end

function done(summary, latency, requests)
  io.write(string.format('\nRESULT {"requests":%d,"us":%d,"bad_status":%d,"broken":%d,"p50_us":%d,"p99_us":%d}\n',
    summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
