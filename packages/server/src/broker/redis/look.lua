-- Where a log ends, asked on a timer by every node that listens to it, since an announcement may have been lost. It also keeps
-- a log from vanishing that nobody appends to but somebody listens to.
--
-- Reply  epoch and head; empty where there is no log, or none that can be read

local found = redis.pcall('HMGET', key.meta, 'epoch', 'head')
if found.err then
  if string.find(found.err, '^WRONGTYPE') then return {} end
  return found
end
if not found[1] or not found[2] then return {} end
local keptMs = given.idleMs or (string.find(found[2], '^0 ') and UNUSED_MS)
if keptMs and redis.call('PTTL', key.meta) < keptMs / 2 then
  for _, name in ipairs(KEYS) do
    redis.call('PEXPIRE', name, keptMs)
  end
end
return found
