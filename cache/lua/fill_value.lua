-- Keep a loaded value, if the lease under which it was loaded still stands.
-- KEYS: value, lease, generation. ARGV: the token, the value, its TTL (ms). Returns 1 if it was kept.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return 0
end
local generation = redis.call('GET', KEYS[3])
if not generation then
  return 0
end
local header = generation .. ':'
if string.sub(ARGV[1], 1, #header) ~= header then
  return 0
end
redis.call('SET', KEYS[1], header .. ARGV[2], 'PX', ARGV[3])
return 1
