-- Read a value, or join its lease.
-- KEYS: value, lease, fence, generation. ARGV: a token, the TTL of a lease (ms).
-- Returns the value without its header; {token} where there is none and a load may fill; {token, 1} where it may not, because
-- of a fence or because there is no generation.
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
-- All misses get one token, until an invalidation, a fence or the fence's end deletes it: a load that began before cannot fill
-- after it, and callers after it do not share that load. A token of loads that may not fill is kept beside the lease.
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
