-- Moves a log aside in which a node found what can't be: entries that don't follow each other, say. It goes on in a new epoch.
--
-- ARGV   the epoch in which that was found, and what was
-- Reply  the epoch from now on, and why it was moved aside: empty where that log is gone already

return over(function()
  local log = open()
  if log.epoch == ARGV[OWN] then
    moveAside(ARGV[OWN + 1])
    log = begin()
  end
  save(log, redis.call)
  if aside then announce(log, {}) end
  return { log.epoch, aside or '' }
end)
