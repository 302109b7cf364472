-- Stores a snapshot and lets go of the entries it covers, if it is of this epoch, newer than the stored one, not beyond the
-- top, and has the check of the entry at its offset.
--
-- ARGV   epoch, offset, check, the snapshot
-- Reply  epoch, why the log was moved aside, 1 if the snapshot was taken and 0 if not

local epoch = ARGV[OWN]
local offset = tonumber(ARGV[OWN + 1])
local check = tonumber(ARGV[OWN + 2])

local function takes(log)
  if epoch ~= log.epoch or offset < log.oldest or offset > log.top then return false end
  return (offset == log.top and log.check or entryAt(offset).check) == check
end

return over(function()
  local log = open()
  expectParts(log)
  local taken = takes(log)
  if taken then
    local following = offset < log.top and entryAt(offset + 1)
    redis.call('SET', key.snapshot, ARGV[OWN + 3])
    log.snapshot = offset
    log.snapshotCheck = check
    log.oldest = offset + 1
    log.oldestBytes = following and following.before or log.bytes
    log.oldestAt = following and following.at or log.at
    log.passed = true
    sweep(log)
  end
  save(log, redis.call)
  renew()
  if aside then announce(log, {}) end
  return { log.epoch, aside or '', taken and 1 or 0 }
end)
