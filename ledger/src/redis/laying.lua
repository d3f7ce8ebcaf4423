-- A node's part of one company, laid: replaced by what its journal says, and the totals made the sum of the parts that are there. What
-- is sent and what the answer means is in `laying.rs`; what stands under the keys is in `function.lua`.
--
-- KEYS: meta, balances, outcomes of the company; order, holds of the node; then the part of each member, the node's own first.
-- ARGV: node, life, mark of this laying, version of the list of members, their number, their ids in the order of their parts, the number of accounts,
--       then account and "posted held" of each, then name and text of each open hold.
--
-- A part is what has happened: the totals may fall below zero by it. What Redis had done for the node and its journal does not know
-- is undone, and forgotten.

local MAX = 9007199254740991

local meta, balances, outcomes, order, holds = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local node, life, mark, version, count = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])

-- Somebody knows of a member that this list does not have.
if version < tonumber(redis.call('HGET', meta, 'version') or '0') then return 'stale' end

-- A later laying of the same life is there: this order lay in a buffer since its connection broke.
local function of_mark(text)
  local its_life, number = (text or ''):match('^(.*)/(%d+)$')
  return its_life, tonumber(number or 0)
end
local laid_life, laid = of_mark(redis.call('HGET', meta, 'laid:' .. node) or '')
local this_life, this = of_mark(mark)
if laid_life == this_life and laid >= this then return 'late' end

local at = 6 + count
local accounts = tonumber(ARGV[at])
at = at + 1

local function put(key, until_argument)
  redis.call('DEL', key)
  while at < until_argument do
    local last = math.min(at + 1999, until_argument - 1)
    redis.call('HSET', key, unpack(ARGV, at, last))
    at = last + 1
  end
end

put(KEYS[6], at + 2 * accounts)
put(holds, #ARGV + 1)
for _, batch in ipairs(redis.call('LRANGE', order, 0, -1)) do redis.call('HDEL', outcomes, batch) end
redis.call('DEL', order)
redis.call('HSET', meta, 'life:' .. node, life, 'have:' .. node, 0, 'laid:' .. node, mark, 'version', ARGV[4],
  'shared', count > 1 and '1' or '0')

local function kept(value)
  assert(value and value == math.floor(value) and value >= -MAX and value <= MAX, 'not an integer below 2^53')
  return value
end

local posted, held, missing = {}, {}, {}
for member = 1, count do
  local id = ARGV[5 + member]
  if redis.call('HEXISTS', meta, 'have:' .. id) == 1 then
    local part = redis.call('HGETALL', KEYS[5 + member])
    for field = 1, #part, 2 do
      local name = part[field]
      local its_posted, its_held = part[field + 1]:match('^(%S+) (%S+)$')
      posted[name] = kept((posted[name] or 0) + kept(tonumber(its_posted)))
      held[name] = kept((held[name] or 0) + kept(tonumber(its_held)))
    end
  else
    missing[#missing + 1] = id
  end
end
redis.call('HSET', meta, 'missing', table.concat(missing, ' '))

local below = 0
local fields = {}
redis.call('DEL', balances)
for name, value in pairs(posted) do
  fields[#fields + 1], fields[#fields + 2] = name, string.format('%.0f %.0f', value, held[name])
  if #fields >= 2000 then
    redis.call('HSET', balances, unpack(fields))
    fields = {}
  end
  local is_customer = not (name:match('^world:') or name:match('^revenue:'))
  if is_customer and not (name:match(':channels$') or name:find(':day/', 1, true)) and value < held[name] then below = below + 1 end
end
if #fields > 0 then redis.call('HSET', balances, unpack(fields)) end

return 'laid ' .. below .. (#missing > 0 and ' ' .. table.concat(missing, ' ') or '')
