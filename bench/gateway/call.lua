-- One chat call, as an SDK sends it.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["User-Agent"] = "OpenAI/Python 3.54.0"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY")
wrk.headers["X-Cost-Feature"] = "chat"
for pair in string.gmatch(os.getenv("BENCH_HEADERS") or "", "[^|]+") do
  local name, value = string.match(pair, "([^=]+)=(.*)")
  wrk.headers[name] = value
end
wrk.body = '{"model":"gpt-4o-mini",' .. (os.getenv("BENCH_STREAM") == "1" and '"stream":true,"stream_options":{"include_usage":true},' or "") ..
  '"messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"Say hello."}]}'
