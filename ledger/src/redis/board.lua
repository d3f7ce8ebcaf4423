-- What the nodes of a house tell each other: rows by name, each with when it was written, and in which order they changed.
-- KEYS: the rows, their order, the counter of changes, the life of the board; all in one slot.
local rows, order, count, life = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
redis.call('SETNX', life, ARGV[2])
if ARGV[1] == 'put' then
  -- name, when (microseconds), until (milliseconds), text: whoever wrote last stands.
  local known = redis.call('HGET', rows, ARGV[3])
  local at = known and tonumber(string.match(known, '^(%d+) '))
  if at and at > tonumber(ARGV[4]) then return 0 end
  local change = redis.call('HINCRBY', count, 'changes', 1)
  redis.call('HSET', rows, ARGV[3], ARGV[4] .. ' ' .. ARGV[5] .. ' ' .. ARGV[6])
  redis.call('ZADD', order, change, ARGV[3])
  return 1
end
-- read: since which change, how many at most, now (milliseconds).
local names = redis.call('ZRANGEBYSCORE', order, '(' .. ARGV[3], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[4])
local found = { redis.call('GET', life), tonumber(redis.call('HGET', count, 'changes') or '0') }
for place = 1, #names, 2 do
  found[#found + 1] = names[place]
  found[#found + 1] = tonumber(names[place + 1])
  found[#found + 1] = redis.call('HGET', rows, names[place]) or ''
end
-- What has run out is taken away, a little with each look: the oldest changes first.
for _, name in ipairs(redis.call('ZRANGE', order, 0, 7)) do
  local row = redis.call('HGET', rows, name)
  local till = row and tonumber(string.match(row, '^%d+ (%d+) '))
  if not till or till < tonumber(ARGV[5]) then
    redis.call('HDEL', rows, name)
    redis.call('ZREM', order, name)
  end
end
return found
