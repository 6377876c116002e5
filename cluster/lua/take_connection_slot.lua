-- Acquire a slot for a connection of a user, if one is free. KEYS: the user's slots.
-- ARGV: the connection, how many a user may have, the one it replaces (or ''), the TTL of slots (ms), '1' if the live processes are
-- known, and the live processes: slots of others are released then. A connection's id begins with the id of its process.
-- Returns 1 if the connection has a slot.
if ARGV[3] ~= '' then
  redis.call('HDEL', KEYS[1], ARGV[3])
end
local taken = redis.call('HKEYS', KEYS[1])
local count = #taken
if ARGV[5] == '1' then
  local lives = {}
  for number = 6, #ARGV do
    lives[ARGV[number]] = true
  end
  for _, connection in ipairs(taken) do
    if not lives[string.match(connection, '^(.*)-')] then
      redis.call('HDEL', KEYS[1], connection)
      count = count - 1
    end
  end
end
if count >= tonumber(ARGV[2]) and redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], '')
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
