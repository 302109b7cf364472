-- A node's sign of life. Says whether the others took this node for gone, and which nodes were found gone since it asked last.
-- KEYS: when each node gave its last sign of life, and under `?` since when that is noted · when each was found gone
-- ARGV: this node · ms after which one is gone · ms within which somebody gives one · the time of this one's last, or 0 · ms for which
-- those found gone are kept
-- Reply: the time · 1 if it was taken for gone · id, time, id, time …
local at = redis.call('TIME')
local now = at[1] * 1000 + math.floor(at[2] / 1000)
local goneMs, restMs, since, keptMs = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local function text(number) return string.format('%.0f', number) end

for i = 1, 2 do
  local type = redis.call('TYPE', KEYS[i]).ok
  -- Whatever else stands there, nobody has put it there who knows what this is.
  if type ~= 'none' and type ~= 'zset' then redis.call('DEL', KEYS[i]) end
end
local newest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
if not newest then redis.call('ZADD', KEYS[1], text(now), '?') end
local rest = newest and now - tonumber(newest) or 0
if rest > restMs then
  -- Nobody gave one for so long: nobody could. That time is nobody's fault.
  for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZINCRBY', KEYS[1], text(rest), id) end
end
local seen = redis.call('ZSCORE', KEYS[1], ARGV[1])
local was_gone = since > 0 and (not seen or now - tonumber(seen) > goneMs)
redis.call('ZADD', KEYS[1], text(now), ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. text(now - goneMs))) do
  if id ~= '?' then
    redis.call('ZREM', KEYS[1], id)
    redis.call('ZADD', KEYS[2], text(now), id)
  end
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
