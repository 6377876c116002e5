-- Update a room's cached totals by a commit; see cache/room_totals.py for their format.
-- KEYS: the totals, their lease, the generation. ARGV: the seq of the newest message, and its time. Returns 1 if they are cached.
redis.call('DEL', KEYS[2], KEYS[2] .. ':shared')
local generation = redis.call('GET', KEYS[3])
local value = generation and redis.call('GET', KEYS[1])
if not value then
  return 0
end
local header, people, count, room = string.match(value, '^([^:]*:)(%d+)\n(%d+)\n[^\n]*\n(.*)$')
if header ~= generation .. ':' then
  redis.call('DEL', KEYS[1])
  return 0
end
if tonumber(ARGV[1]) > tonumber(count) then
  redis.call('SET', KEYS[1], header .. people .. '\n' .. ARGV[1] .. '\n' .. ARGV[2] .. '\n' .. room, 'KEEPTTL')
end
return 1
