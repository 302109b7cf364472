-- What all scripts on a log begin with: its keys, its head as a table, trimming, announcing, and what happens to a log whose
-- parts don't fit each other. A script runs alone on its Redis, so what it reads can't change under it; but what it wrote
-- before it failed stays written. So nothing here may fail after the first write, save for a log that is broken: that is moved
-- aside whole, with what was just written to it, and the script runs again over an empty one.
--
-- KEYS   the eight keys of one log, in the order below
-- ARGV   now (ms; empty: the time of this Redis), an epoch to begin with where there is none, PUBLISH or SPUBLISH,
--        who asks, for how many ms a log is kept that nobody uses (empty: for ever), the number of this call, up to which number
--        calls of who asks are lost (0: none); then the script's own

local key = {
  meta = KEYS[1], -- hash: `v`, the version of this layout; `epoch`; `head`, the numbers below in one line; `f:<node>`, lost calls
  entries = KEYS[2], -- stream: an entry each, `<offset>-<check>`
  snapshot = KEYS[3], -- string: how it is encoded, then what it holds
  producers = KEYS[4], -- hash: producer to its last sequence number, and where the newest ones were stored
  newest = KEYS[5], -- sorted set: producer by the offset of its newest entry
  owned = KEYS[6], -- sorted set in the order of its members: owner, that offset, rest of the producer
  keys = KEYS[7], -- sorted set: key by the offset of its newest entry
  orders = KEYS[8], -- hash: key to the order of that entry, where it has one
}
-- What is announced of this log is published under the name that its keys share.
local topic = string.sub(key.meta, 1, -3)
local given = {
  now = tonumber(ARGV[1]),
  epoch = ARGV[2],
  publish = ARGV[3],
  sender = ARGV[4],
  idleMs = tonumber(ARGV[5]),
  call = tonumber(ARGV[6]),
  lost = tonumber(ARGV[7]),
}
-- Up to which number the calls of who asks are lost, and when that was noted.
local LOST = 'f:' .. given.sender
local OWN = 8 -- where a script's own arguments begin

local LAYOUT = '1'
local UNUSED_MS = 3600000 -- an epoch in which nothing was stored is forgotten after this
local BROKEN_MS = 7 * 86400000 -- what was moved aside is kept for so long
local DROPPED_MAX = 10000 -- entries, and keys, that one call removes for good; what is left over waits for the next call
local UNSWEPT_MAX = 1000 -- entries that were passed over, and may wait until others are; with more the next call goes on
local LOST_MAX = 16 -- of so many nodes it is noted without looking for those that are too old to matter
local LOST_MS = 3600000 -- no connection brings a call as late as this
local SAFE_MAX = 9007199254740991 -- beyond this a double skips whole numbers

-- The numbers of a head, in their order. Offsets are 0 where there is none.
local NUMBERS = {
  'top', 'check', 'at', -- the newest entry
  'bytes', -- payload bytes of all entries of this epoch
  'oldest', 'oldestAt', 'oldestBytes', -- the oldest entry that can be read, its time, and the bytes of all before it
  'snapshot', 'snapshotCheck', -- where the snapshot was taken
  'keysFrom', -- keys whose newest entry is before this offset are forgotten
  'producers', 'keys', 'orders', -- how many members the parts have
}
local HEAD = '^' .. string.rep('(%d+) ', #NUMBERS - 1) .. '(%d+)$'

local aside -- why the log was moved aside during this call

-- A whole number as Redis reads it. Lua's own way loses digits.
local function text(number)
  return string.format('%d', number)
end

local function whole(field)
  local number = type(field) == 'string' and #field <= 16 and string.match(field, '^%d+$') and tonumber(field)
  return number and number <= SAFE_MAX and number or nil
end

-- Ends the script's run over this log, and has it moved aside.
local function broken(why)
  error('BROKEN ' .. why, 0)
end

local function timeNow()
  if given.now then return given.now end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- An empty log in a new epoch. It may vanish until something is stored in it, so that mere names fill no Redis.
local function begin()
  local log = { epoch = given.epoch, wasEmpty = true, lost = 0 }
  for _, name in ipairs(NUMBERS) do
    log[name] = 0
  end
  log.oldest = 1
  return log
end

-- The head as it is stored; a new one where there is none.
local function open()
  local version, epoch, head, noted = unpack(redis.call('HMGET', key.meta, 'v', 'epoch', 'head', LOST))
  if not version and not epoch and not head then
    if redis.call('EXISTS', unpack(KEYS)) > 0 then broken('it has no head') end
    return begin()
  end
  if version and version ~= LAYOUT and whole(version) then
    error('LAYOUT this log is of layout ' .. version .. ', and this server knows ' .. LAYOUT, 0)
  end
  local numbers = { string.match(head or '', HEAD) }
  if version ~= LAYOUT or not numbers[1] then broken('its head is none') end
  if not epoch or #epoch > 64 or not string.find(epoch, '^[%w_-]+$') then broken('its head has no epoch') end
  local log = { epoch = epoch, saved = head, lost = tonumber(string.match(noted or '', '^%d+') or 0) }
  if given.call <= log.lost then error('LATE this call was given up, and others have come after it', 0) end
  for i, name in ipairs(NUMBERS) do
    local number = tonumber(numbers[i])
    if number > SAFE_MAX then broken('its head has numbers that are none') end
    log[name] = number
  end
  local placed = log.oldest >= 1 and log.oldest <= log.top + 1 and log.snapshot < log.oldest
  if not placed or log.check >= 4294967296 or log.oldestBytes > log.bytes then broken('its head contradicts itself') end
  log.wasEmpty = log.top == 0
  return log
end

-- Notes which calls of who asks are lost, and forgets what was noted of others long ago.
local function noteLost(log, write)
  local now = timeNow()
  write('HSET', key.meta, LOST, text(given.lost) .. ' ' .. text(now))
  log.lost = given.lost
  if redis.call('HLEN', key.meta) <= LOST_MAX then return end
  local fields = redis.call('HGETALL', key.meta)
  for i = 1, #fields, 2 do
    local at = string.match(fields[i], '^f:') and tonumber(string.match(fields[i + 1], ' (%d+)$') or 0)
    if at and now - at > LOST_MS then write('HDEL', key.meta, fields[i]) end
  end
end

-- Writes the head where it has changed. `write` is redis.call, or what stands in for it.
local function save(log, write)
  local numbers = {}
  for i, name in ipairs(NUMBERS) do
    numbers[i] = text(log[name])
  end
  local head = table.concat(numbers, ' ')
  if given.lost > log.lost then noteLost(log, write) end
  if head == log.saved then return end
  write('HSET', key.meta, 'v', LAYOUT, 'epoch', log.epoch, 'head', head)
  log.saved = head
  if log.top == 0 then
    write('PEXPIRE', key.meta, given.idleMs or UNUSED_MS)
  elseif log.wasEmpty and not given.idleMs then
    write('PERSIST', key.meta)
  end
end

-- Where logs are kept only for as long as they are used, all parts of one vanish at once.
local function renew()
  if not given.idleMs then return end
  for _, name in ipairs(KEYS) do
    redis.call('PEXPIRE', name, given.idleMs)
  end
end

-- The entry at an offset that the log must hold: its check, its time, and the payload bytes of all before it.
local function entryAt(offset)
  local id = text(offset)
  local entry = redis.call('XRANGE', key.entries, id, id, 'COUNT', 1)[1]
  local fields = entry and entry[2]
  local at, before = fields and whole(fields[2]), fields and whole(fields[6])
  if not at or not before or fields[1] ~= 'a' or fields[5] ~= 'b' then
    broken('entry ' .. id .. (entry and ' is none' or ' is missing'))
  end
  return { check = whole(string.match(entry[1], '%-(%d+)$')), at = at, before = before }
end

-- The payload bytes of all entries before an offset, from `oldest` to `top + 1`.
local function bytesBefore(log, offset)
  if offset > log.top then return log.bytes end
  if offset == log.oldest then return log.oldestBytes end
  return entryAt(offset).before
end

-- The first offset from `low` to `high` for which `holds` is false, or `high` if it is true for all below; once it is
-- false it stays so. It looks near `low` first.
local function firstNot(low, high, holds)
  local step = 1
  while low < high do
    local look = math.min(low + step, high) - 1
    if holds(look) then
      low = look + 1
      step = step * 2
    else
      high = look
      step = math.max(1, math.floor((high - low + 1) / 2))
    end
  end
  return low
end

-- How many members of a part there are. Only redis.call tells a wrong type, which is taken for broken.
local function expectMembers(count, part, members, name)
  if redis.call(count, part) ~= members then broken('a part of its ' .. name .. ' is gone') end
end

-- Whether all parts are there, and the stream ends where the head says. Before the first write.
local function expectParts(log)
  expectMembers('HLEN', key.producers, log.producers, 'producers')
  expectMembers('ZCARD', key.newest, log.producers, 'producers')
  expectMembers('ZCARD', key.owned, log.producers, 'producers')
  expectMembers('ZCARD', key.keys, log.keys, 'keys')
  expectMembers('HLEN', key.orders, log.orders, 'orders')
  expectMembers('EXISTS', key.snapshot, log.snapshot > 0 and 1 or 0, 'snapshot')
  local last = redis.call('XREVRANGE', key.entries, '+', '-', 'COUNT', 1)[1]
  local expected = text(log.top) .. '-' .. text(log.check)
  if last and last[1] ~= expected then broken('it ends at ' .. last[1] .. ', its head at ' .. expected) end
  if not last and log.oldest <= log.top then broken('its entries are gone') end
end

-- What a log keeps, from three arguments; nil where nothing may be dropped.
local function keepFrom(index)
  if ARGV[index] == '' then return nil end
  return { entries = tonumber(ARGV[index]), bytes = tonumber(ARGV[index + 1]), ageMs = tonumber(ARGV[index + 2]) }
end

-- Passes over the oldest entries until what is left is within `keep`. Bytes alone never drop the newest entry; age does. This
-- only moves the head, and looks at few entries: what is passed over is removed by `sweep`.
local function trim(log, keep, now)
  if not keep then return end
  local function over(offset, at, before)
    if log.top - offset >= keep.entries or now - at > keep.ageMs then return true end
    return offset < log.top and log.bytes - before > keep.bytes
  end
  if log.oldest > log.top or not over(log.oldest, log.oldestAt, log.oldestBytes) then return end
  local kept
  local low = math.max(log.oldest + 1, log.top - keep.entries + 1)
  log.oldest = firstNot(low, log.top + 1, function(offset)
    local entry = entryAt(offset)
    if over(offset, entry.at, entry.before) then return true end
    kept = entry
    return false
  end)
  log.oldestBytes = kept and kept.before or log.bytes
  log.oldestAt = kept and kept.at or log.at
  log.passed = true
  -- A snapshot that no longer reaches the first entry would hide a hole.
  if log.snapshot < log.oldest - 1 then log.snapshot = 0 end
  if log.snapshot == 0 then log.keysFrom = log.oldest end
end

-- Removes for good what was passed over, once a call. Entries leave in the portions that the stream is made of. One snapshot may
-- cover many more than one call removes, and no other one come for long.
local function sweep(log)
  local kept = log.top - log.oldest + 1
  if not log.passed and redis.call('XLEN', key.entries) - kept <= UNSWEPT_MAX then return end
  if log.snapshot == 0 then redis.call('UNLINK', key.snapshot) end
  redis.call('XTRIM', key.entries, 'MINID', '~', text(log.oldest), 'LIMIT', DROPPED_MAX)
  if log.keys == 0 then return end
  local below = '(' .. text(log.keysFrom)
  local gone = redis.call('ZRANGE', key.keys, '-inf', below, 'BYSCORE', 'LIMIT', 0, DROPPED_MAX / 10)
  if #gone == 0 then return end
  log.keys = log.keys - redis.call('ZREM', key.keys, unpack(gone))
  if log.orders > 0 then log.orders = log.orders - redis.call('HDEL', key.orders, unpack(gone)) end
end

-- Tells all nodes where the log ends, and of the entries up to there, if any are given. What is stored is stored, whatever
-- becomes of this: who isn't told finds out when it looks.
local function announce(log, entries)
  local line = { LAYOUT, given.sender, log.epoch, text(log.top), text(log.check), tostring(#entries) }
  redis.pcall(given.publish, topic, table.concat(line, ' ') .. '\n' .. table.concat(entries))
end

-- Moves all parts aside. What had been moved there before is let go of.
local function moveAside(why)
  aside = why
  for _, name in ipairs(KEYS) do
    if redis.call('EXISTS', name) == 1 then
      local there = name .. ':broken'
      redis.call('UNLINK', there)
      redis.call('RENAME', name, there)
      redis.call('PEXPIRE', there, BROKEN_MS)
    end
  end
end

-- Why a failed run found the log broken; nil where it failed for another reason.
local function whyBroken(failure)
  if string.find(failure, '^WRONGTYPE') then return 'a part of it is of another type' end
  if string.find(failure, 'equal or smaller than the target') then return 'its entries go beyond its head' end
  return string.match(failure, '^BROKEN (.*)$')
end

-- Runs the script over the log, or, where that turns out to be broken, over an empty one in its place.
local function over(run)
  local fine, reply = pcall(run)
  if fine then return reply end
  local failure = type(reply) == 'table' and reply.err or tostring(reply)
  local why = whyBroken(failure)
  if why then
    moveAside(why)
    return run()
  end
  return { err = string.find(failure, '^%u+ ') and failure or 'ERR ' .. failure }
end
