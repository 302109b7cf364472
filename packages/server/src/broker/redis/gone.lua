-- Which of these nodes give no sign of life.
-- KEYS: when each node gave its last sign of life, and under `?` since when that is noted
-- ARGV: ms after which one is gone · ms within which somebody gives one · node, node …
-- Reply: those that are gone; 0 where that can't be told yet, since what was noted before was lost
local at = redis.call('TIME')
local now = at[1] * 1000 + math.floor(at[2] / 1000)
local goneMs, restMs = tonumber(ARGV[1]), tonumber(ARGV[2])
if redis.call('TYPE', KEYS[1]).ok ~= 'zset' then return 0 end
local noted = tonumber(redis.call('ZSCORE', KEYS[1], '?') or now)
local newest = tonumber(redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2])
-- Where nobody has given one for longer nobody could, and that time doesn't count.
local until_ms = math.min(now, newest + restMs)
local gone = {}
for i = 3, #ARGV do
  local seen = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if not seen and now - noted <= goneMs then return 0 end
  if not seen or until_ms - tonumber(seen) > goneMs then gone[#gone + 1] = ARGV[i] end
end
return gone
