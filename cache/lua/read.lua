-- Read a value, or take part in its lease.
-- KEYS: value, lease, fence, generation. ARGV: a token, how long a lease lives (ms).
-- Returns the value without its header; {token} where it is not there and may be filled; {} where a fence stands,
-- or nothing is believed.
local generation = redis.call('GET', KEYS[4])
if not generation then
  return {}
end
local value = redis.call('GET', KEYS[1])
if value then
  local header = generation .. ':'
  if string.sub(value, 1, #header) == header then
    -- Where Redis takes no writes (a full disk, a replica) it took no invalidation either: this fails.
    redis.call('DEL', KEYS[4] .. ':nothing')
    return string.sub(value, #header + 1)
  end
end
if redis.call('EXISTS', KEYS[3]) == 1 then
  local time = redis.call('TIME')
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', time[1] * 1000 + math.floor(time[2] / 1000))
  if redis.call('EXISTS', KEYS[3]) == 1 then
    return {}
  end
end
-- One token for all who miss until an invalidation takes it away: whoever began to load before that cannot fill after it.
local token = redis.call('GET', KEYS[2])
if not token or string.sub(token, 1, #generation + 1) ~= generation .. ':' then
  token = generation .. ':' .. ARGV[1]
  redis.call('SET', KEYS[2], token, 'PX', ARGV[2])
end
return {token}
