-- Appends entries to a log, in their order: decides on each by the rules of head.ts, stores what is admitted, and tells of all
-- that was stored at once. A refusal changes nothing and hinders none that comes after it.
--
-- ARGV   what the log keeps (entries, bytes, ms; empty: everything), whether a retry has to be written for (empty: no), the
--        offset up to which who asks knows the log (empty: it doesn't matter), then six for each append: facts, who, owner of
--        the producer, rest of it, key, payload. The facts, a `-` for what is left out: hash of the payload, its encoding, its
--        bytes, sequence number, expected top, expected newest entry of the key, order, most keys, and whether there is a key
--        (`k`) that ends with this entry (`x`)
-- Reply  epoch, why the log was moved aside, the entries between what is known and what is appended if they are few, then a
--        line for each append

local PRODUCERS_MAX = 10000
local SEQUENCES_MAX = 64 -- sequence numbers of a producer that are remembered
local PLACE = '>dI4d' -- of each: offset, check, time
local PLACE_BYTES = 20
local ANNOUNCED_BYTES_MAX = 256 * 1024 -- beyond this nodes are told where the log ends, and read
local BETWEEN_MAX = 128 -- entries of others that are given with the answer
local BETWEEN_BYTES_MAX = 64 * 1024 -- payload bytes of them

local keep = keepFrom(OWN)
local touch = ARGV[OWN + 3] ~= ''
local known = tonumber(ARGV[OWN + 4])
local FIRST = OWN + 5 -- where the appends begin

local function parseAppend(index)
  local hash, encoding, bytes, sequence, ifTopAt, ifKeyAt, order, keysMax, about =
    string.match(ARGV[index], '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)$')
  -- tonumber makes nil of a `-`.
  return {
    hash = tonumber(hash), encoding = encoding, bytes = tonumber(bytes), sequence = tonumber(sequence),
    ifTopAt = tonumber(ifTopAt), ifKeyAt = tonumber(ifKeyAt), order = tonumber(order), orderText = order,
    keysMax = tonumber(keysMax), hasKey = about ~= '-', keyEnds = about == 'x',
    from = ARGV[index + 1], owner = #ARGV[index + 2] .. ':' .. ARGV[index + 2], name = ARGV[index + 3],
    key = ARGV[index + 4], data = ARGV[index + 5],
  }
end

local function refused(code, detail, more)
  return { line = '- ' .. code .. ' ' .. text(detail) .. ' ' .. (more or '') }
end

local function placeLine(kind, offset, check, at)
  return kind .. ' ' .. text(offset) .. ' ' .. text(check) .. ' ' .. text(at)
end

-- Producers that were asked for during this call, as they are now. What changed of them is written by `writeProducers`.
local producers = {}

-- What is known of a producer: its last sequence number, and the places of the newest ones: those that are stored, the oldest
-- first, and those that came with this call.
local function readProducer(one)
  local id = one.owner .. one.name
  if producers[id] then return producers[id] end
  local producer = { id = id, owner = one.owner, name = one.name, last = 0, stored = '', storedPlaces = 0, added = {} }
  local value = redis.call('HGET', key.producers, id)
  if value then
    producer.stored = string.sub(value, 9)
    producer.storedPlaces = #producer.stored / PLACE_BYTES
    producer.last = #value >= 8 and struct.unpack('>d', value) or 0
    local places = producer.storedPlaces
    if places < 1 or places > SEQUENCES_MAX or places ~= math.floor(places) or not (producer.last >= places) then
      broken('a producer of it is none')
    end
  end
  producers[id] = producer
  return producer
end

-- Where a sequence number was stored, in one piece; the newest one is 0 steps back. Nil where it was too long ago.
local function placeOf(producer, back)
  if back < 0 or back >= SEQUENCES_MAX then return nil end
  local added = #producer.added
  if back < added then return producer.added[added - back] end
  local from = (producer.storedPlaces - 1 - (back - added)) * PLACE_BYTES
  return from >= 0 and string.sub(producer.stored, from + 1, from + PLACE_BYTES) or nil
end

-- The answer to a sequence number that is not the next one; nil when it is.
local function answerSequence(one, producer)
  local expected = producer.last + 1
  if one.sequence == expected then return nil end
  local place = placeOf(producer, producer.last - one.sequence)
  if place then return { line = placeLine('=', struct.unpack(PLACE, place)) } end
  return refused('sequence', expected, producer.last > 0 and 'known' or 'unknown')
end

-- The newest entry of a key; 0 where it has none, or is forgotten.
local function keyAt(log, one)
  if not one.hasKey or log.keys == 0 then return 0 end
  local offset = tonumber(redis.call('ZSCORE', key.keys, one.key) or 0)
  return offset >= log.keysFrom and offset or 0
end

-- The conditions on an append's key; nil when all hold.
local function answerKey(log, one)
  local offset = keyAt(log, one)
  if one.ifKeyAt and one.ifKeyAt ~= offset then return refused('precondition', offset, 'key') end
  if not one.hasKey then return nil end
  if one.order and offset > 0 and log.orders > 0 then
    local order = tonumber(redis.call('HGET', key.orders, one.key) or one.order)
    if not order then broken('an order of it is none') end
    if one.order < order then return refused('superseded', offset) end
  end
  local isNew = offset == 0 and not one.keyEnds
  if one.keysMax and isNew and redis.call('ZCOUNT', key.keys, text(log.keysFrom), '+inf') >= one.keysMax then
    return refused('too_many', one.keysMax)
  end
  return nil
end

-- A producer in the order of its owner's.
local function ownedMember(producer, offset)
  return producer.owner .. string.format('%016d', offset) .. producer.name
end

-- Writes a producer that stored something during this call.
local function writeProducer(producer)
  local added, stored = #producer.added, producer.storedPlaces
  if added == 0 then return end
  if stored > 0 then
    local newest = struct.unpack(PLACE, producer.stored, (stored - 1) * PLACE_BYTES + 1)
    if redis.call('ZREM', key.owned, ownedMember(producer, newest)) == 0 then
      broken('its producers contradict each other')
    end
  end
  local places = producer.stored .. table.concat(producer.added)
  producer.stored = string.sub(places, -SEQUENCES_MAX * PLACE_BYTES)
  producer.storedPlaces = #producer.stored / PLACE_BYTES
  local offset = text((struct.unpack(PLACE, producer.added[added])))
  producer.added = {}
  redis.call('HSET', key.producers, producer.id, struct.pack('>d', producer.last) .. producer.stored)
  redis.call('ZADD', key.newest, offset, producer.id)
  redis.call('ZADD', key.owned, 0, ownedMember(producer, offset))
end

local function writeProducers()
  for _, producer in pairs(producers) do
    writeProducer(producer)
  end
end

-- Forgets one producer to make room for another one of `owner`: the oldest of the same owner, so that nobody can make a log
-- forget what someone else would have to repeat; the oldest of all only for an owner who has none.
local function forgetProducer(log, owner)
  writeProducers()
  -- Behind an owner stands an offset, and a colon comes after all digits.
  local member = redis.call('ZRANGE', key.owned, '[' .. owner .. '0', '(' .. owner .. ':', 'BYLEX', 'LIMIT', 0, 1)[1]
  local id
  if member then
    id = owner .. string.sub(member, #owner + 17)
  else
    local offset
    id, offset = unpack(redis.call('ZRANGE', key.newest, 0, 0, 'WITHSCORES'))
    local length = string.match(id, '^%d+') or ''
    local ownerEnds = #length + 1 + (tonumber(length) or 0)
    member = string.sub(id, 1, ownerEnds) .. string.format('%016d', offset) .. string.sub(id, ownerEnds + 1)
  end
  local gone = redis.call('HDEL', key.producers, id) + redis.call('ZREM', key.newest, id) + redis.call('ZREM', key.owned, member)
  if gone ~= 3 then broken('its producers contradict each other') end
  producers[id] = nil
  log.producers = log.producers - 1
end

-- Notes where the next sequence number of a producer was stored.
local function remember(log, one, producer)
  if producer.last == 0 then
    if log.producers >= PRODUCERS_MAX then forgetProducer(log, one.owner) end
    log.producers = log.producers + 1
  end
  producers[producer.id] = producer
  producer.last = one.sequence
  producer.added[#producer.added + 1] = struct.pack(PLACE, log.top, log.check, log.at)
end

-- Notes that this is the newest entry of its key, or that the key is gone.
local function rememberKey(log, one)
  if one.keyEnds then
    if log.keys > 0 then log.keys = log.keys - redis.call('ZREM', key.keys, one.key) end
  else
    log.keys = log.keys + redis.call('ZADD', key.keys, text(log.top), one.key)
  end
  if one.order and not one.keyEnds then
    log.orders = log.orders + redis.call('HSET', key.orders, one.key, one.orderText)
  elseif log.orders > 0 then
    log.orders = log.orders - redis.call('HDEL', key.orders, one.key)
  end
end

-- Stores an append that was admitted, and moves the head over it.
local function store(log, one, producer, now)
  local before = log.bytes
  log.top = log.top + 1
  log.check = (log.check * 31 + one.hash) % 4294967296
  log.at = math.max(log.at, now)
  log.bytes = before + one.bytes
  redis.call('XADD', key.entries, text(log.top) .. '-' .. text(log.check),
    'a', text(log.at), 'n', text(one.bytes), 'b', text(before), 'e', one.encoding, 'f', one.from, 'd', one.data)
  if log.oldest == log.top then
    log.oldestAt = log.at
    log.oldestBytes = before
  end
  if one.hasKey then rememberKey(log, one) end
  if one.sequence then remember(log, one, producer) end
end

-- An entry as it is announced: a line of numbers, then who and what.
local function announced(log, one)
  local line = { text(log.check), text(log.at), one.encoding, tostring(#one.from), tostring(#one.data) }
  return table.concat(line, ' ') .. '\n' .. one.from .. one.data
end

local function appendOne(log, one, now)
  local producer = one.sequence and readProducer(one)
  -- A retry is recognised before the conditions are looked at: they held when the entry was stored.
  local answer = one.sequence and answerSequence(one, producer)
  if answer then return answer end
  if one.ifTopAt and one.ifTopAt ~= log.top then return refused('precondition', log.top, 'log') end
  answer = answerKey(log, one)
  if answer then return answer end
  store(log, one, producer, now)
  -- What is trimmed is trimmed once, at the end: only which keys are known does the next append ask for.
  if log.keys > 0 then trim(log, keep, now) end
  return { line = placeLine('+', log.top, log.check, log.at), news = announced(log, one) }
end

-- What others appended that who asks hasn't heard of yet: its own entries can then be told without a hole before them.
local function between(log)
  if not known or known >= log.top or known < log.oldest - 1 or log.top - known > BETWEEN_MAX then return {} end
  if log.bytes - bytesBefore(log, known + 1) > BETWEEN_BYTES_MAX then return {} end
  return redis.call('XRANGE', key.entries, text(known + 1), text(log.top))
end

return over(function()
  producers = {}
  local log = open()
  expectParts(log)
  local now = timeNow()
  local news, bytes, reply = {}, 0, { log.epoch, aside or '', between(log) }
  for index = FIRST, #ARGV, 6 do
    local answer = appendOne(log, parseAppend(index), now)
    reply[#reply + 1] = answer.line
    if answer.news then
      news[#news + 1] = answer.news
      bytes = bytes + #answer.news
    end
  end
  writeProducers()
  if #news > 0 then trim(log, keep, now) end
  sweep(log)
  save(log, redis.call)
  -- WAIT counts the replicas that have what this connection wrote: a retry alone would have written nothing.
  if touch and #news == 0 then redis.call('HSET', key.meta, 'v', LAYOUT) end
  renew()
  if #news > 0 or aside then announce(log, bytes <= ANNOUNCED_BYTES_MAX and news or {}) end
  return reply
end)
