-- Keeps a log from vanishing that nobody appends to but somebody listens to: all its parts at once. Whether it still is one that may
-- vanish is looked at here, since something may have been stored in it since it was last looked at.
--
-- KEYS   the eight keys of the log, its head first
-- ARGV   for how many ms logs are kept that nobody uses (empty: for ever)
-- Reply  1 if it is kept for as long again, 0 if it doesn't vanish, or is gone

local UNUSED_MS = 3600000 -- as in log.lua
local idleMs = tonumber(ARGV[1])

local head = redis.call('HGET', KEYS[1], 'head')
local keptMs = head and (idleMs or (string.find(head, '^0 ') and UNUSED_MS))
if not keptMs then return 0 end
for _, part in ipairs(KEYS) do
  redis.call('PEXPIRE', part, keptMs)
end
return 1
