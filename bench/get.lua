-- wrk script: GETs of the last location of 1,000 orders in turn. Arguments: prefix of the path, run whose orders to ask for.
local requests_ready, number = {}, 0

function init(args)
  for i = 0, 999 do
    requests_ready[i] = "GET " .. args[1] .. string.format("o-%04d-%06d", i, tonumber(args[2])) ..
                        " HTTP/1.1\r\nHost: localhost\r\n\r\n"
  end
end

function request()
  number = number + 1
  return requests_ready[number % 1000]
end

function done(summary, latency, requests)
  io.write(string.format('\nRESULT {"requests":%d,"us":%d,"bad_status":%d,"broken":%d,"p50_us":%d,"p99_us":%d}\n',
    summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
