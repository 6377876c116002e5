-- Raise a fence (several may stand) around keys whose values are about to be written: nothing fills until it is lowered or too old.
-- KEYS: value, lease, fence of each. ARGV: the fence's token, how long it stands at most (ms).
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for first = 1, #KEYS, 3 do
  redis.call('DEL', KEYS[first], KEYS[first + 1], KEYS[first + 1] .. ':shared')
  redis.call('ZADD', KEYS[first + 2], now + ARGV[2], ARGV[1])
  redis.call('PEXPIRE', KEYS[first + 2], ARGV[2])
end
return 1
