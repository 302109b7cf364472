-- Reads one page of a log: entries before or after an offset, in offset order, within bounds. The first page of a read also
-- passes over what the log keeps no longer.
--
-- ARGV   what the log keeps (entries, bytes, ms; empty: everything), `after` or `before`, the offset, the last offset to read
--        (empty: the top), most entries, most bytes, and whether one entry may be more than that (empty: no)
-- Reply  epoch, why the log was moved aside, a line of numbers (top, its check, oldest, the snapshot's offset and check), the
--        snapshot if it belongs to what is read, entries

local keep = keepFrom(OWN)
local after = ARGV[OWN + 3] == 'after'
local offset = tonumber(ARGV[OWN + 4])
local untilOffset = tonumber(ARGV[OWN + 5]) or SAFE_MAX
local entriesMax = tonumber(ARGV[OWN + 6])
local bytesMax = tonumber(ARGV[OWN + 7])
local leastOne = ARGV[OWN + 8] ~= ''

local CANT_WRITE = { OOM = true, MISCONF = true, NOREPLICAS = true }

-- A Redis that is full, or may not write just now, can still be read: what couldn't be noted is found anew next time.
local noted = true
local function noteIfPossible(...)
  local reply = redis.pcall(...)
  if type(reply) ~= 'table' or not reply.err then return reply end
  if not CANT_WRITE[string.match(reply.err, '^%u+')] then error(reply.err, 0) end
  noted = false
  return nil
end

-- The entries after `offset` that fit.
local function rangeAfter(log)
  local first = math.max(offset + 1, log.oldest)
  local last = math.min(log.top, untilOffset, first + entriesMax - 1)
  if last < first then return first, last end
  local before = bytesBefore(log, first)
  if log.bytes - before <= bytesMax then return first, last end
  local low = leastOne and first + 1 or first
  return first, firstNot(low, last + 1, function(one)
    return bytesBefore(log, one + 1) - before <= bytesMax
  end) - 1
end

-- The entries before `offset` that fit.
local function rangeBefore(log)
  local last = math.min(offset - 1, log.top, untilOffset)
  local first = math.max(log.oldest, last - entriesMax + 1)
  if last < first then return first, last end
  local upTo = bytesBefore(log, last + 1)
  if upTo - log.oldestBytes <= bytesMax then return first, last end
  return firstNot(first, leastOne and last or last + 1, function(one)
    return upTo - bytesBefore(log, one) > bytesMax
  end), last
end

local function readEntries(first, last)
  if last < first then return {} end
  local entries = redis.call('XRANGE', key.entries, text(first), text(last))
  if #entries ~= last - first + 1 then broken('entries from ' .. text(first) .. ' to ' .. text(last) .. ' are missing') end
  return entries
end

return over(function()
  local log = open()
  trim(log, keep, timeNow())
  local first, last
  if after then
    first, last = rangeAfter(log)
  else
    first, last = rangeBefore(log)
  end
  local entries = readEntries(first, last)
  local snapshot = ''
  if after and offset < log.oldest - 1 and log.snapshot > 0 then
    snapshot = redis.call('GET', key.snapshot) or broken('its snapshot is gone')
  end
  save(log, noteIfPossible)
  if log.passed and noted then
    sweep(log)
    save(log, redis.call)
  end
  if aside then announce(log, {}) end
  local head = { text(log.top), text(log.check), text(log.oldest), text(log.snapshot), text(log.snapshotCheck) }
  return { log.epoch, aside or '', table.concat(head, ' '), snapshot, entries }
end)
