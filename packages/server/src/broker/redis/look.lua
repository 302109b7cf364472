-- Where logs end, asked on a timer by every node that listens to them, since an announcement may have been lost: many logs in one
-- call. It writes nothing, and touches nothing but what is named: a Cluster would refuse that.
--
-- KEYS   the heads of the logs
-- ARGV   for how many ms logs are kept that nobody uses (empty: for ever)
-- Reply  for each log its epoch, its head, and 1 where it would vanish soon (renew.lua); an empty list where there is no log, or
--        none that can be read

local UNUSED_MS = 3600000 -- as in log.lua
local idleMs = tonumber(ARGV[1])

local function look(meta)
  local found = redis.pcall('HMGET', meta, 'epoch', 'head')
  if found.err and not string.find(found.err, '^WRONGTYPE') then error(found.err, 0) end
  if found.err or not found[1] or not found[2] then return {} end
  local keptMs = idleMs or (string.find(found[2], '^0 ') and UNUSED_MS)
  found[3] = keptMs and redis.call('PTTL', meta) < keptMs / 2 and 1 or 0
  return found
end

local heads = {}
for i, meta in ipairs(KEYS) do
  heads[i] = look(meta)
end
return heads
