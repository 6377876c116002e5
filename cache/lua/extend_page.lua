-- Append to a cached page the messages that one commit stored; see cache/message_page.py for its format.
-- KEYS: the page, its lease, the messages that arrived early, the generation. ARGV: how many messages a page has, the seq of the first message,
-- and the messages. Returns 1 if the page has them now.
local generation = redis.call('GET', KEYS[4])
-- A load under way may have read the store before this commit.
redis.call('DEL', KEYS[2], KEYS[2] .. ':shared')
local value = generation and redis.call('GET', KEYS[1])
if not value then
  return 0
end
local header, last, rev, more, count, at = string.match(value, '^([^:]*:)(%d+):(%d+):(%d):(%d+):()')
if header ~= generation .. ':' then
  redis.call('DEL', KEYS[1], KEYS[3])
  return 0
end
last, count = tonumber(last), tonumber(count)
local added = {}
for number = 3, #ARGV do
  local seq = ARGV[2] + number - 3
  if seq == last + 1 then
    added[#added + 1] = ARGV[number]
    last = seq
  elseif seq > last then
    -- The commit before it, of another process, has not been announced yet.
    redis.call('HSET', KEYS[3], seq, ARGV[number])
    redis.call('PEXPIRE', KEYS[3], 10000)
  end
end
if redis.call('EXISTS', KEYS[3]) == 1 then
  local early = redis.call('HGET', KEYS[3], last + 1)
  while early do
    added[#added + 1] = early
    last = last + 1
    redis.call('HDEL', KEYS[3], last)
    early = redis.call('HGET', KEYS[3], last + 1)
  end
end
if #added == 0 then
  return 0
end
for number, message in ipairs(added) do
  added[number] = #message .. ':' .. message
end
count = count + #added
local keep = tonumber(ARGV[1])
if count >= 2 * keep then
  -- Cut the surplus off, once it is as long again as a page.
  value = string.sub(value, at) .. table.concat(added)
  at = 1
  while count > keep do
    local length, from = string.match(value, '^(%d+):()', at)
    at = from + length
    count = count - 1
  end
  value = string.sub(value, at)
  more = '1'
else
  value = string.sub(value, at) .. table.concat(added)
end
redis.call('SET', KEYS[1], header .. last .. ':' .. rev .. ':' .. more .. ':' .. count .. ':' .. value, 'KEEPTTL')
return 1
