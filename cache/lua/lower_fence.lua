-- Lower a fence, and delete the values once more. KEYS: value, lease, fence of each. ARGV: the fence's token.
for first = 1, #KEYS, 3 do
  redis.call('ZREM', KEYS[first + 2], ARGV[1])
  redis.call('DEL', KEYS[first], KEYS[first + 1], KEYS[first + 1] .. ':shared')
end
return 1
