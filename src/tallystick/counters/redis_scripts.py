"""What Redis does in one act each: the rule of `weigh.py` once more, in its own language.

Lua's numbers are doubles, exact to 2^53 only, so no amount is ever one number there. An amount
is a decimal string; to add and compare it is split into a high part and nine low digits, both far
below 2^53 for every value of 63 bits and for sums of a hundred of them, so each step is exact.
Products (output times price, only where an output is clamped) are made of six-digit limbs, each
partial sum below 10^13. Posted and reserved are changed by HINCRBY alone, whose arithmetic is int64.
Instants are microseconds below 2^53 and may be numbers.

Names of keys, all behind the prefix ``{namespace}:``: ``epoch`` the run id of the server the counters were
built on, ``building`` a token of what is being built; ``open`` the ids of open reservations; ``c:<key in hex>`` a counter: p posted, r reserved,
t tripped until, b probe; ``r:<id>`` a reservation: g the answer, o owner, x expires, k keys, a amounts,
b probe, q probed breakers. An answer of ``C`` is a reservation that
was cancelled before it arrived. Every script's first argument is the run id of the server it runs in.
"""

_EXACT = """
local function norm(hi, lo)
  local over = math.floor(lo / 1e9)
  return {hi + over, lo - over * 1e9}
end
local function big(s)
  if not s then return {0, 0} end
  local minus = string.sub(s, 1, 1) == '-'
  if minus then s = string.sub(s, 2) end
  local hi, lo = 0, 0
  if #s > 9 then hi, lo = tonumber(string.sub(s, 1, -10)), tonumber(string.sub(s, -9)) else lo = tonumber(s) end
  if minus then return norm(-hi, -lo) end
  return {hi, lo}
end
local function add(a, b) return norm(a[1] + b[1], a[2] + b[2]) end
local function sub(a, b) return norm(a[1] - b[1], a[2] - b[2]) end
local function le(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] <= b[2]) end
local ZERO = {0, 0}
local function text(a)
  if a[1] == 0 then return string.format('%.0f', a[2]) end
  return string.format('%.0f%09.0f', a[1], a[2])
end
local function limbs(s)
  local found = {}
  while #s > 6 do found[#found + 1] = tonumber(string.sub(s, -6)); s = string.sub(s, 1, -7) end
  found[#found + 1] = tonumber(s)
  return found
end
-- base + ceil(n x per / 1000) for whole n >= 0 and per, the last as a decimal string
local function amount_of(base, n, per)
  local a, b, out = limbs(string.format('%.0f', n)), limbs(per), {}
  for i = 1, #a + #b do out[i] = 0 end
  for i = 1, #a do for j = 1, #b do out[i + j - 1] = out[i + j - 1] + a[i] * b[j] end end
  local digits, carry = '', 0
  for i = 1, #out do
    local value = out[i] + carry
    carry = math.floor(value / 1e6)
    digits = string.format('%06.0f', value - carry * 1e6) .. digits
  end
  digits = string.gsub(digits, '^0+', '')
  local whole = #digits > 3 and string.sub(digits, 1, -4) or '0'
  local part = tonumber(string.sub(digits, -3)) or 0
  local found = add(big(whole), base)
  if part > 0 then found = add(found, {0, 1}) end
  return found
end
"""

RESERVE = (
    _EXACT
    + """
local run, prefix, id, owner, expires = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local at, most, least = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local epoch = redis.call('GET', prefix .. 'epoch')
if not epoch then return 'E' end
if epoch ~= run then return 'S' end
local before = redis.call('HGET', prefix .. 'r:' .. id, 'g')
if before then return before end

local holds, output = cmsgpack.unpack(ARGV[9]), most
local MOST = big('9000000000000000000')
local standings, lacking, turns, fresh = {}, {}, {}, {}

-- The most of the output that fits, nil when not even the least does.
local function fitting(hold, room)
  if le(room, ZERO) then room = ZERO end
  local wanted = output == most and big(hold[5]) or amount_of(big(hold[2]), output, hold[3])
  if le(wanted, room) then return output end
  if not le(big(hold[6]), room) then return nil end
  local low, high = least, output
  while high - low > 1 do
    local middle = math.floor((low + high) / 2)
    if le(amount_of(big(hold[2]), middle, hold[3]), room) then low = middle else high = middle end
  end
  return low
end

-- Until when a breaker refuses, 0 when it lets the call through; what changes goes to turns.
local function breaker(hold, fits)
  local name = prefix .. 'c:' .. hold[9]
  local state = redis.call('HMGET', name, 't', 'b')
  local tripped, probe = tonumber(state[1] or 0), tonumber(state[2] or 0)
  if tripped > at then return tripped end
  if not fits then
    turns[#turns + 1] = {name, at + hold[8], 0, false, hold[8]}
    return at + hold[8]
  end
  if probe > at then return probe end
  if tripped > 0 then
    turns[#turns + 1] = probe > 0 and {name, 0, 0, false, hold[8]} or {name, tripped, at + 5000000, true, hold[8]}
  end
  return 0
end

-- Totals and limit of one hold, as pairs, with earlier slots and what the window before left.
local function widened(hold, p, r)
  local posted, reserved = big(p), big(r)
  for _, one in ipairs(hold[12]) do
    local other = redis.call('HMGET', prefix .. 'c:' .. one, 'p', 'r')
    posted, reserved = add(posted, big(other[1])), add(reserved, big(other[2]))
  end
  if hold[4] == '' then return posted, reserved, nil end
  local total = big(hold[4])
  if hold[10] ~= '' then
    local last = redis.call('HMGET', prefix .. 'c:' .. hold[10], 'p', 'r')
    local unused = sub(sub(big(hold[11]), big(last[1])), big(last[2]))
    if not le(unused, total) then unused = total end
    if le(ZERO, unused) then total = add(total, unused) end
  end
  return posted, reserved, total
end

for index, hold in ipairs(holds) do
  local cell = redis.call('HMGET', prefix .. 'c:' .. hold[1], 'p', 'r')
  local p, r = cell[1] or '0', cell[2] or '0'
  fresh[index] = not cell[1] and not cell[2]
  -- Four numbers of up to fifteen digits: their sum is below 2^53, so doubles are exact.
  if hold[13] and output == most and #p < 16 and #r < 16 and tonumber(p) + tonumber(r) + hold[14] <= hold[13] then
    standings[index] = {p, r, hold[4], 0}
  else
    local posted, reserved, total = widened(hold, p, r)
    local used, tripped = add(posted, reserved), 0
    if not le(add(used, big(hold[5])), MOST) then return 'O' end
    if total then
      local fits = fitting(hold, sub(total, used))
      if hold[8] > 0 then tripped = breaker(hold, fits) end
      if fits and tripped == 0 then output = fits else lacking[#lacking + 1] = index - 1 end
    end
    standings[index] = {text(posted), text(reserved), total and text(total) or '', tripped}
  end
end

local granted = #lacking == 0
local probe, probed = 0, {}
for _, turn in ipairs(turns) do
  if granted or turn[2] > at then
    redis.call('HSET', turn[1], 't', string.format('%.0f', turn[2]), 'b', string.format('%.0f', turn[3]))
    -- A breaker's own counter is never reserved on: it is kept until it has cooled down.
    if not redis.call('HGET', turn[1], 'r') then
      redis.call('PEXPIRE', turn[1], string.format('%.0f', math.floor(turn[5] / 1000) + 86400000))
    end
    if turn[4] then probe = turn[3]; probed[#probed + 1] = turn[1] end
  end
end
local answer = cmsgpack.pack({granted, granted and output or 0, standings, lacking})
if not granted then return answer end
local amounts = ARGV[11]
if output ~= most then
  local exact = {}
  for index, hold in ipairs(holds) do exact[index] = text(amount_of(big(hold[2]), output, hold[3])) end
  amounts = table.concat(exact, ' ')
end
local index = 0
for amount in string.gmatch(amounts, '%S+') do
  index = index + 1
  local hold = holds[index]
  redis.call('HINCRBY', prefix .. 'c:' .. hold[1], 'r', amount)
  if fresh[index] or hold[15] then redis.call('PEXPIRE', prefix .. 'c:' .. hold[1], hold[7]) end
end
redis.call('HSET', prefix .. 'r:' .. id, 'g', answer, 'o', owner, 'x', expires, 'k', ARGV[10], 'a', amounts,
  'b', string.format('%.0f', probe), 'q', #probed > 0 and cmsgpack.pack(probed) or '')
redis.call('SADD', prefix .. 'open', id)
return answer
"""
)

# Gives 1 when settled now, 0 when there is no such reservation, -1 when the amounts are not one for each hold.
SETTLE = """
local prefix, id, given, cancel = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local name = prefix .. 'r:' .. id
local found = redis.call('HMGET', name, 'k', 'a', 'b', 'q')
if not found[1] then
  if cancel == '1' then
    redis.call('HSET', name, 'g', 'C')
    redis.call('PEXPIRE', name, 3600000)
  end
  return 0
end
local function words(s)
  local all = {}
  for one in string.gmatch(s, '%S+') do all[#all + 1] = one end
  return all
end
local keys, held = words(found[1]), words(found[2])
local used = given == 'bound' and held or words(given)
if #used ~= #held then return -1 end
for index, key in ipairs(keys) do
  local counter = prefix .. 'c:' .. key
  if used[index] ~= '0' then redis.call('HINCRBY', counter, 'p', used[index]) end
  if held[index] ~= '0' and redis.call('HINCRBY', counter, 'r', '-' .. held[index]) < 0 then
    redis.call('HSET', counter, 'r', '0') -- forgotten though it was held, and made again
  end
end
for _, breaker in ipairs(found[4] ~= '' and cmsgpack.unpack(found[4]) or {}) do
  if redis.call('HGET', breaker, 'b') == found[3] then redis.call('HSET', breaker, 't', '0', 'b', '0') end
end
redis.call('DEL', name)
redis.call('SREM', prefix .. 'open', id)
return 1
"""

CORRECT = """
local name, expected, posted, ends = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local found = redis.call('HMGET', name, 'p', 'r')
if (found[1] or '0') ~= expected then return 0 end
redis.call('HSET', name, 'p', posted)
if not found[1] and not found[2] then
  local now = tonumber(redis.call('TIME')[1]) * 1000
  local left = ends > 0 and math.max(0, math.floor(ends / 1000) - now) + 2764800000 or 5184000000
  redis.call('PEXPIRE', name, string.format('%.0f', left))
end
return 1
"""

REOPEN = """
for number = 2, #ARGV do
  local name = ARGV[number]
  if redis.call('EXISTS', name) == 1 then redis.call('HSET', name, 't', '0', 'b', '0') end
end
return 1
"""

# Gives 1 when built on this run of the server, else the token of what is being built, which is lost with it.
BUILT = """
if redis.call('GET', ARGV[2] .. 'epoch') == ARGV[1] then return 1 end
local token = ARGV[1] .. ' ' .. ARGV[3]
local name = ARGV[2] .. 'building'
local found = redis.call('GET', name)
if found and string.sub(found, 1, #ARGV[1]) == ARGV[1] then return found end
redis.call('SET', name, token)
return token
"""

MARK_BUILT = """
if ARGV[3] ~= '' then
  local same = string.sub(ARGV[3], 1, #ARGV[1]) == ARGV[1]
  if not same or redis.call('GET', ARGV[2] .. 'building') ~= ARGV[3] then return 0 end
end
redis.call('SET', ARGV[2] .. 'epoch', ARGV[1])
return 1
"""
