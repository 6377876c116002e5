-- Check limits: several commands in one call, each all-or-nothing, by the clock of this Redis. The arithmetic is that of
-- limits/token_bucket.py and limits/sliding_window.py, in quanta (whole microseconds, so many that every product is below 2^53 and
-- doubles are exact).
-- KEYS: the states, one for each check. ARGV[1]: the algorithm. ARGV[2], packed: for each check the number of its command (ascending),
-- count, period in quanta, microseconds of a quantum, cost, and 1 if it must not refuse (the command is exempt).
-- Returns, packed, for each check: allowed (1 or 0), remaining, and the microseconds until it would pass and until it is full.

local SLOTS = 60
local kind = ({token_bucket = 'number', sliding_window = 'table'})[ARGV[1]]

local function bucket(state, limit, now)
  local count, period, cost = limit.count, limit.period, limit.cost
  local capacity = count * period
  local units = capacity
  if state then
    -- A clock that was set back adds and takes nothing: the bucket fills on from there.
    local elapsed = math.min(math.max(now - state[2], 0), period)
    units = math.min(state[1] + elapsed * count, capacity)
  end
  local missing = cost * period - units
  local allowed = missing <= 0
  local wait = 0
  if allowed then
    units = -missing
  elseif cost > count then
    wait = period
  else
    wait = math.ceil(missing / count)
  end
  return {units, now}, allowed, math.floor(units / period), wait, math.ceil((capacity - units) / count)
end

local function window(state, limit, now)
  local count, period, cost = limit.count, limit.period, limit.cost
  local length = math.ceil(period / SLOTS)
  local present = math.floor(now / length)
  local slots, used, shift = {}, 0, 0
  if state then
    local before = math.floor(state[2] / length)
    if present < before then
      shift = before - present - 1 -- the clock was set back: what passed stays as old as it was, or gets a slot younger
    end
    for index = 1, #state[1], 2 do
      local slot = state[1][index] - shift
      if slot >= present - SLOTS then
        slots[#slots + 1] = slot
        slots[#slots + 1] = state[1][index + 1]
        used = used + state[1][index + 1]
      end
    end
  end
  local allowed = used + cost <= count
  local wait = 0
  if allowed then
    if cost > 0 then
      used = used + cost
      if #slots > 0 and slots[#slots - 1] >= present then
        slots[#slots] = slots[#slots] + cost
      else
        slots[#slots + 1] = present
        slots[#slots + 1] = cost
      end
    end
  else
    wait = period
    if cost <= count then
      local excess = used + cost - count
      for index = 1, #slots, 2 do
        excess = excess - slots[index + 1]
        if excess <= 0 then
          wait = (slots[index] + SLOTS + 1) * length - now
          break
        end
      end
    end
  end
  local reset = 0
  if #slots > 0 then
    reset = (slots[#slots - 1] + SLOTS + 1) * length - now
  end
  return {slots, now}, allowed, count - used, wait, reset
end

-- Return a stored state; nil if there is none or it is invalid, because a limit that cannot be read must not lock anybody out.
local function read(key)
  local stored = redis.pcall('GET', key)
  if type(stored) ~= 'string' then
    return nil
  end
  local ok, state = pcall(cmsgpack.unpack, stored)
  if ok and type(state) == 'table' and type(state[1]) == kind and type(state[2]) == 'number' then
    return state
  end
  return nil
end

local take = ({token_bucket = bucket, sliding_window = window})[ARGV[1]]
local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local asked = cmsgpack.unpack(ARGV[2])
local kept = {} -- states after this call; two checks may have the same state
local answers = {}
local number = 1
while number <= #KEYS do
  local command = asked[6 * number - 5]
  local changed, passes = {}, true
  while number <= #KEYS and asked[6 * number - 5] == command do
    local at = 6 * number - 5
    local key = KEYS[number]
    local limit = {count = asked[at + 1], period = asked[at + 2], cost = asked[at + 4]}
    local quantum = asked[at + 3]
    local now = math.floor(now_us / quantum)
    local state = changed[key] or kept[key] or read(key)
    local after, allowed, remaining, wait, reset = take(state, limit, now)
    after[3] = math.ceil((limit.period * (SLOTS + 1) / SLOTS + 1) * quantum / 1000) -- ms after which it no longer limits
    if not allowed and asked[at + 5] == 0 then
      passes = false
      if state and state[2] > now and not changed[key] then
        kept[key] = after -- the clock was set back: without this the time would stand until it has caught up
      end
    end
    changed[key] = after
    answers[#answers + 1] = allowed and 1 or 0
    answers[#answers + 1] = remaining
    answers[#answers + 1] = wait * quantum
    answers[#answers + 1] = reset * quantum
    number = number + 1
  end
  if passes then
    for key, state in pairs(changed) do
      kept[key] = state
    end
  end
end
for key, state in pairs(kept) do
  redis.call('SET', key, cmsgpack.pack({state[1], state[2]}), 'PX', string.format('%.0f', state[3]))
end
return cmsgpack.pack(answers)
