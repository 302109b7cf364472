-- A node's sign of life. Says whether the others took this node for gone, and which nodes were found gone since it asked last.
-- KEYS: when each node gave its last sign of life · when each was found gone
-- ARGV: this node · ms after which one is gone · the time of its last sign of life, or 0 · ms for which those found gone are kept
-- Reply: the time · 1 if it was taken for gone · id, time, id, time …
local at = redis.call('TIME')
local now = at[1] * 1000 + math.floor(at[2] / 1000)
local goneMs, since, keptMs = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local function text(number) return string.format('%.0f', number) end

for i = 1, 2 do
  local type = redis.call('TYPE', KEYS[i]).ok
  -- Whatever else stands there, nobody has put it there who knows what this is.
  if type ~= 'none' and type ~= 'zset' then redis.call('DEL', KEYS[i]) end
end
local seen = redis.call('ZSCORE', KEYS[1], ARGV[1])
local was_gone = since > 0 and (not seen or now - tonumber(seen) > goneMs)
redis.call('ZADD', KEYS[1], text(now), ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. text(now - goneMs))) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('ZADD', KEYS[2], text(now), id)
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. text(now - keptMs))
redis.call('PEXPIRE', KEYS[1], keptMs)
redis.call('PEXPIRE', KEYS[2], keptMs)
local reply = { text(now), was_gone and 1 or 0 }
if since > 0 then
  for _, part in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], text(since), '+inf', 'WITHSCORES')) do
    reply[#reply + 1] = part
  end
end
return reply
