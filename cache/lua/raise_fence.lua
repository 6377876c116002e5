-- Raise a fence (several may overlap) around keys whose values are about to be written: no load fills until it is lowered or expires.
-- KEYS: value, lease, fence of each. ARGV: the fence's token, its longest life (ms).
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for first = 1, #KEYS, 3 do
  redis.call('DEL', KEYS[first], KEYS[first + 1], KEYS[first + 1] .. ':shared')
  redis.call('ZADD', KEYS[first + 2], now + ARGV[2], ARGV[1])
  redis.call('PEXPIRE', KEYS[first + 2], ARGV[2])
end
return 1
