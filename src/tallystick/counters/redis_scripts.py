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
d how long each counter is kept, b probe, q probed breakers. An answer of ``C`` is a reservation that
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
local standings, lacking, turns = {}, {}, {}
for index, hold in ipairs(holds) do
  local key, base, per, limit = hold[1], big(hold[2]), hold[3], hold[4]
  local cell = redis.call('HMGET', prefix .. 'c:' .. key, 'p', 'r', 't', 'b')
  local posted, reserved = big(cell[1]), big(cell[2])
  for _, one in ipairs(hold[12]) do
    local other = redis.call('HMGET', prefix .. 'c:' .. one, 'p', 'r')
    posted, reserved = add(posted, big(other[1])), add(reserved, big(other[2]))
  end
  local used, tripped, allowed = add(posted, reserved), 0, ''
  if not le(add(used, big(hold[5])), MOST) then return 'O' end
  if limit ~= '' then
    local total = big(limit)
    if hold[10] ~= '' then
      local last = redis.call('HMGET', prefix .. 'c:' .. hold[10], 'p', 'r')
      local unused = sub(sub(big(hold[11]), big(last[1])), big(last[2]))
      if not le(unused, total) then unused = total end
      if le(ZERO, unused) then total = add(total, unused) end
    end
    allowed = text(total)
    local room = sub(total, used)
    if le(room, ZERO) then room = ZERO end
    local fits = true
    local wanted = output == most and big(hold[5]) or amount_of(base, output, per)
    local clamped = output
    if not le(wanted, room) then
      if le(big(hold[6]), room) then
        local low, high = least, output
        while high - low > 1 do
          local middle = math.floor((low + high) / 2)
          if le(amount_of(base, middle, per), room) then low = middle else high = middle end
        end
        clamped = low
      else
        fits = false
      end
    end
    if hold[8] > 0 then
      local name = prefix .. 'c:' .. hold[9]
      local state = hold[9] == key and {cell[3], cell[4]} or redis.call('HMGET', name, 't', 'b')
      local t, b = tonumber(state[1] or 0), tonumber(state[2] or 0)
      if t > at then tripped = t
      elseif not fits then
        tripped = at + hold[8]
        turns[#turns + 1] = {name, tripped, 0, 0, hold[8]}
      elseif b > at then tripped = b
      elseif t > 0 and b > 0 then turns[#turns + 1] = {name, 0, 0, 0, hold[8]}
      elseif t > 0 then turns[#turns + 1] = {name, t, at + 5000000, 1, hold[8]}
      end
    end
    if not fits or tripped > 0 then lacking[#lacking + 1] = index - 1 else output = clamped end
  end
  standings[index] = {text(posted), text(reserved), allowed, tripped}
end

local granted = #lacking == 0
local probe, probed = 0, {}
for _, turn in ipairs(turns) do
  if granted or turn[2] > at then
    redis.call('HSET', turn[1], 't', string.format('%.0f', turn[2]), 'b', string.format('%.0f', turn[3]))
    if redis.call('HGET', turn[1], 'r') == false then
      redis.call('PEXPIRE', turn[1], math.floor(turn[5] / 1000) + 86400000)
    end
    if turn[4] == 1 then probe = turn[3]; probed[#probed + 1] = turn[1] end
  end
end
local answer = cmsgpack.pack({granted, granted and output or 0, standings, lacking})
if not granted then return answer end
local keys, amounts, kept = {}, {}, {}
for index, hold in ipairs(holds) do
  local amount = hold[5]
  if output ~= most then amount = text(amount_of(big(hold[2]), output, hold[3])) end
  redis.call('HINCRBY', prefix .. 'c:' .. hold[1], 'r', amount)
  redis.call('PERSIST', prefix .. 'c:' .. hold[1])
  keys[index], amounts[index], kept[index] = hold[1], amount, string.format('%.0f', hold[7])
end
redis.call('HSET', prefix .. 'r:' .. id, 'g', answer, 'o', owner, 'x', expires, 'k', table.concat(keys, ' '),
  'a', table.concat(amounts, ' '), 'd', table.concat(kept, ' '),
  'b', string.format('%.0f', probe), 'q', cmsgpack.pack(probed))
redis.call('SADD', prefix .. 'open', id)
return answer
"""
)

# Gives 1 when settled now, 0 when there is no such reservation, -1 when the amounts are not one for each hold.
SETTLE = """
local prefix, id, given, cancel = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local name = prefix .. 'r:' .. id
local found = redis.call('HMGET', name, 'k', 'a', 'd', 'b', 'q')
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
local keys, held, kept = words(found[1]), words(found[2]), words(found[3])
local used = given == 'bound' and held or words(given)
if #used ~= #held then return -1 end
for index, key in ipairs(keys) do
  local counter = prefix .. 'c:' .. key
  if used[index] ~= '0' then redis.call('HINCRBY', counter, 'p', used[index]) end
  if held[index] ~= '0' then redis.call('HINCRBY', counter, 'r', '-' .. held[index]) end
  if (redis.call('HGET', counter, 'r') or '0') == '0' then redis.call('PEXPIRE', counter, kept[index]) end
end
for _, breaker in ipairs(cmsgpack.unpack(found[5])) do
  if redis.call('HGET', breaker, 'b') == found[4] then redis.call('HSET', breaker, 't', '0', 'b', '0') end
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
if (found[2] or '0') == '0' then
  local now = tonumber(redis.call('TIME')[1]) * 1000
  local left = ends > 0 and math.max(0, math.floor(ends / 1000) - now) + 86400000 or 2592000000
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
