-- wrk script: POSTs of `items` locations each, no two locations of a run alike, at little cost to wrk itself: the request is
-- made once and only the digits that differ are overwritten.
-- Arguments: path, items, form (object, array, ndjson), run[, orders that single locations take in turn].
local ffi = require("ffi")

local request_text, request_length, places_of_time, places_of_deliverer, number, orders

-- 200 bytes. The last digits of the time are the request's number, so fix times ascend.
local ITEM = '{"order_id":"o-%06d-%04d","deliverer_id":"d-%06d","delivery_state":"on_the_way",' ..
             '"timestamp":"%sT%02d:%02d:50.000000Z","latitude":41.%08d,"longitude":-8.6100000,"accuracy":4.5,"speed":7.25}'

function init(args)
  local path, items, form, run = args[1], tonumber(args[2]), args[3], tonumber(args[4])
  orders = tonumber(args[5] or 1000)
  local made = {}
  for i = 0, items - 1 do
    made[#made + 1] = ITEM:format(i, run, i, "2026-01-06", math.floor(run / 60) % 24, run % 60, i)
  end
  local body
  if form == "object" then body = made[1]
  elseif form == "array" then body = "[" .. table.concat(made, ",") .. "]"
  else body = table.concat(made, "\n") .. "\n" end

  local kind = form == "ndjson" and "application/x-ndjson" or "application/json"
  local text = "POST " .. path .. " HTTP/1.1\r\nHost: localhost\r\nContent-Type: " .. kind ..
               "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
  request_text = ffi.new("char[?]", #text + 1)
  ffi.copy(request_text, text)
  request_length, number, places_of_time, places_of_deliverer = #text, 0, {}, {}
  local at = 1
  while true do
    local _, stop = text:find("0.000000Z", at, true)
    if not stop then break end
    places_of_time[#places_of_time + 1] = stop - 9  -- counted from 0: of the second's last digit
    at = stop
  end
  if items == 1 then
    -- One location a request: orders and their deliverers take turns.
    places_of_deliverer = { text:find('"o-', 1, true) + 2, text:find('"d-', 1, true) + 2 }
  end
end

function request()
  local digits = string.format("%07d", number % 10000000)
  local second, micros = digits:sub(1, 1), digits:sub(2)
  for i = 1, #places_of_time do
    local place = places_of_time[i]
    request_text[place] = second:byte()
    ffi.copy(request_text + place + 2, micros, 6)
  end
  if #places_of_deliverer > 0 then
    local name = string.format("%06d", number % orders)
    for i = 1, #places_of_deliverer do ffi.copy(request_text + places_of_deliverer[i], name, 6) end
  end
  number = number + 1
  return ffi.string(request_text, request_length)
end

function done(summary, latency, requests)
  io.write(string.format('\nRESULT {"requests":%d,"us":%d,"bad_status":%d,"broken":%d,"p50_us":%d,"p99_us":%d}\n',
    summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
