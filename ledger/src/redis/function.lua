-- One batch, all or nothing: the laws of the ledger for one company. What is sent and what the answer means is in `asking.rs`.
--
-- KEYS: meta, balances, outcomes of the company; part, holds, order of the node that asks. All are in one hash slot.
--   meta      life:NODE = whose connection may write for it, have:NODE = its changes since it laid its part,
--             laid:NODE = the mark of that laying, missing = the nodes
--             whose parts are not laid, shared = "1" where there are several (`laying.lua` writes all of it)
--   balances  account -> "posted held", the totals of all nodes
--   outcomes  batch -> "node body outcome", the last KEPT of each node that changed something; order = the node's ids, oldest first
--   part      account -> "posted held", what this node has posted and holds
--   holds     name -> "debit credit amount until code", the open ones only
-- ARGV: node, life, batch, body, "1" where a refusal is kept too, then the transfers, each as its letter and fields.
--
-- What is available is decided by the totals; totals and part change together.
--
-- Lua's numbers are doubles: they count exactly up to 2^53, and every number that is kept is held below it here. A larger argument
-- rounds, but never across that limit, so it is refused as it should be.

local MAX = 9007199254740991
local KEPT = 1024
-- Outcomes serve a node that lost its connection or its life; a week later nobody asks any more.
local KEPT_S = 604800

local meta, balances, outcomes, part, holds, order = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local node, batch, body, keeps_refusals = ARGV[1], ARGV[3], ARGV[4], ARGV[5] == '1'

local laid = redis.call('HMGET', meta, 'life:' .. node, 'have:' .. node, 'missing', 'shared')
local life, missing, is_shared = laid[1], laid[3], laid[4] == '1'
if not (life and laid[2]) then return 'recovering' end
if life ~= ARGV[2] then return 'taken ' .. life end
if missing and missing ~= '' then return 'missing ' .. missing end
local sort = is_shared and 'shared ' or ''

local known = redis.call('HGET', outcomes, batch)
if known then
  local whose, first_body, outcome = known:match('^(%S+) (%S+) (.*)$')
  if first_body == body then return (whose == node and sort .. 'replayed ' or 'elsewhere ') .. outcome end
  return whose == node and 'different' or 'elsewhere different'
end

local function integer(text)
  local value = tonumber(text)
  assert(value and value == math.floor(value), 'not an integer: ' .. tostring(text))
  return value
end

local function kept(text)
  local value = integer(text)
  assert(value >= -MAX and value <= MAX, 'not below 2^53: ' .. text)
  return value
end

local function text_of(value) return string.format('%.0f', value) end

local function in_range(value) return value >= -MAX and value <= MAX end

-- What the batch sees and changes; written only when all of it has passed.
local accounts, touched, seen = {}, {}, {}
local open, changed, ended = {}, {}, {}

local function read(key, name)
  local text = redis.call('HGET', key, name)
  if not text then return 0, 0 end
  local posted, held = text:match('^(%S+) (%S+)$')
  return kept(posted), kept(held)
end

-- The total, and of it this node's own.
local function account(name)
  local found = accounts[name]
  if not found then
    found = {}
    found.posted, found.held = read(balances, name)
    if is_shared then
      found.own_posted, found.own_held = read(part, name)
    else
      found.own_posted, found.own_held = found.posted, found.held
    end
    accounts[name] = found
  end
  return found
end

local function touch(name)
  if not seen[name] then
    seen[name] = true
    touched[#touched + 1] = name
  end
end

local function hold_of(name)
  if changed[name] == nil and open[name] == nil then
    local text = redis.call('HGET', holds, name)
    if text then
      local debit, credit, amount, till, code = text:match('^(%S+) (%S+) (%S+) (%S+) (%S+)$')
      open[name] = { debit = debit, credit = credit, amount = kept(amount), till = till, code = code }
    else
      open[name] = false
    end
  end
  return open[name]
end

local function is_kept(posted, held) return in_range(posted) and in_range(held) and in_range(posted - held) end

-- The balance moved, or nil where it would leave the range.
local function moved(from, posted, held)
  local now = {
    posted = from.posted + posted, held = from.held + held,
    own_posted = from.own_posted + posted, own_held = from.own_held + held,
  }
  if is_kept(now.posted, now.held) and is_kept(now.own_posted, now.own_held) then return now end
end

local function available(of) return of.posted - of.held end

local function set(name, now)
  accounts[name] = now
  touch(name)
end

local function set_hold(name, now)
  open[name] = now
  changed[name] = true
end

local at = 6
local function next_argument()
  local text = ARGV[at]
  assert(text, 'the batch ends too early')
  at = at + 1
  return text
end

local function short_of(name) return 'insufficient ' .. name .. ' ' .. text_of(available(account(name))) end

-- Each returns nil, or why the batch is refused.
local function post(is_conditional)
  local debit, credit, amount, may_fall_short =
    next_argument(), next_argument(), integer(next_argument()), next_argument() == '1'
  local watched, limit
  if is_conditional then watched, limit = next_argument(), integer(next_argument()) end
  local before = account(debit)
  local losing, gaining = moved(before, -amount, 0), moved(account(credit), amount, 0)
  if not (losing and gaining) then return 'overflow' end
  if is_conditional and available(account(watched)) > limit then return 'above_limit' end
  if not may_fall_short and available(before) < amount then return short_of(debit) end
  set(debit, losing)
  set(credit, gaining)
end

local function hold()
  local name, debit, credit, amount, till, code, may_fall_short, has_ended =
    next_argument(), next_argument(), next_argument(), integer(next_argument()), next_argument(), next_argument(),
    next_argument() == '1', next_argument() == '1'
  if has_ended or ended[name] or hold_of(name) then return 'hold_exists' end
  local before = account(debit)
  local now = moved(before, 0, amount)
  if not now then return 'overflow' end
  if not may_fall_short and available(before) < amount then return short_of(debit) end
  set(debit, now)
  set_hold(name, { debit = debit, credit = credit, amount = amount, till = till, code = code })
end

local function capture()
  local name, amount = next_argument(), integer(next_argument())
  local held = hold_of(name)
  if not held then return 'hold_not_open' end
  if amount > held.amount then return 'capture_exceeds_hold' end
  local losing = moved(account(held.debit), -amount, -held.amount)
  local gaining = moved(account(held.credit), amount, 0)
  if not (losing and gaining) then return 'overflow' end
  set(held.debit, losing)
  set(held.credit, gaining)
  set_hold(name, false)
  ended[name] = true
end

local function release()
  local name = next_argument()
  local held = hold_of(name)
  if not held then return 'hold_not_open' end
  local now = moved(account(held.debit), 0, -held.amount)
  if not now then return 'overflow' end
  set(held.debit, now)
  set_hold(name, false)
  ended[name] = true
end

local function extend()
  local name, till = next_argument(), next_argument()
  local held = hold_of(name)
  if not held then return 'hold_not_open' end
  account(held.debit)
  touch(held.debit)
  set_hold(name, { debit = held.debit, credit = held.credit, amount = held.amount, till = till, code = held.code })
end

local steps = {
  P = function() return post(false) end,
  I = function() return post(true) end,
  H = hold, C = capture, R = release, E = extend,
}

local function remember(outcome)
  redis.call('HINCRBY', meta, 'have:' .. node, 1)
  redis.call('HSET', outcomes, batch, node .. ' ' .. body .. ' ' .. outcome)
  redis.call('EXPIRE', outcomes, KEPT_S)
  if redis.call('RPUSH', order, batch) > KEPT then redis.call('HDEL', outcomes, redis.call('LPOP', order)) end
  redis.call('EXPIRE', order, KEPT_S)
  return sort .. outcome
end

local index = 0
while at <= #ARGV do
  local because = steps[next_argument()]()
  if because then
    local outcome = 'refused ' .. index .. ' ' .. because
    if keeps_refusals then return remember(outcome) end
    return sort .. outcome
  end
  index = index + 1
end

-- An account of a day is forgotten once nothing is on it.
local function keep(fields, key, name, text)
  if text == '0 0' and name:find(':day/', 1, true) then
    redis.call('HDEL', key, name)
  else
    fields[#fields + 1], fields[#fields + 2] = name, text
  end
end

local outcome, totals, own = { 'applied' }, {}, {}
for _, name in ipairs(touched) do
  local now = accounts[name]
  local total = text_of(now.posted) .. ' ' .. text_of(now.held)
  keep(totals, balances, name, total)
  keep(own, part, name, text_of(now.own_posted) .. ' ' .. text_of(now.own_held))
  outcome[#outcome + 1] = name .. ' ' .. total
end
if #totals > 0 then redis.call('HSET', balances, unpack(totals)) end
if #own > 0 then redis.call('HSET', part, unpack(own)) end
for name in pairs(changed) do
  local now = open[name]
  if now then
    redis.call('HSET', holds, name,
      now.debit .. ' ' .. now.credit .. ' ' .. text_of(now.amount) .. ' ' .. now.till .. ' ' .. now.code)
  else
    redis.call('HDEL', holds, name)
  end
end
return remember(table.concat(outcome, ' '))
