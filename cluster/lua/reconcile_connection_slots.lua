-- Make the slots that one process holds of a user equal to the given connections. KEYS: the user's slots.
-- ARGV: the process, the TTL of slots (ms), and its connections of the user. A connection's id begins with the id of its process.
-- Returns how many slots of the process were released.
local own = {}
for number = 3, #ARGV do
  own[ARGV[number]] = true
end
local freed = 0
for _, connection in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.match(connection, '^(.*)-') == ARGV[1] and not own[connection] then
    redis.call('HDEL', KEYS[1], connection)
    freed = freed + 1
  end
end
for number = 3, #ARGV do
  redis.call('HSET', KEYS[1], ARGV[number], '')
end
if #ARGV > 2 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return freed
