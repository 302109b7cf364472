-- Which of these nodes give no sign of life.
-- KEYS: when each node gave its last sign of life
-- ARGV: ms after which one is gone · node, node …
-- Reply: those that are gone
local at = redis.call('TIME')
local now = at[1] * 1000 + math.floor(at[2] / 1000)
local gone = {}
for i = 2, #ARGV do
  local seen = redis.call('TYPE', KEYS[1]).ok == 'zset' and redis.call('ZSCORE', KEYS[1], ARGV[i])
  if not seen or now - tonumber(seen) > tonumber(ARGV[1]) then gone[#gone + 1] = ARGV[i] end
end
return gone
