-- Read a value, or take part in its lease.
-- KEYS: value, lease, fence, generation. ARGV: a token, how long a lease lives (ms).
-- Returns the value without its header; {token} where it is not there and may be filled; {token, 1} where it may not: a fence
-- stands, or nothing is believed.
local generation = redis.call('GET', KEYS[4])
local header = (generation or '') .. ':'
local value = generation and redis.call('GET', KEYS[1])
if value and string.sub(value, 1, #header) == header then
  -- Where Redis takes no writes (a full disk, a replica) it took no invalidation either: this fails.
  redis.call('DEL', KEYS[4] .. ':nothing')
  return string.sub(value, #header + 1)
end
local fills = generation
if generation and redis.call('EXISTS', KEYS[3]) == 1 then
  local time = redis.call('TIME')
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', time[1] * 1000 + math.floor(time[2] / 1000))
  fills = redis.call('EXISTS', KEYS[3]) == 0
end
-- One token for all who miss until an invalidation, a fence or its end takes it away: whoever began to load before that cannot fill
-- after it, and nobody who asks after it shares that load. Where nothing is kept a token is no lease, and stands beside it.
local place = fills and KEYS[2] or KEYS[2] .. ':shared'
local token = redis.call('GET', place)
if not token or string.sub(token, 1, #header) ~= header then
  token = header .. ARGV[1]
  redis.call('SET', place, token, 'PX', ARGV[2])
end
if fills then
  return {token}
end
return {token, 1}
