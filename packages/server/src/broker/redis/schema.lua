-- The version of the layout in which everything under a prefix is stored; set by whoever comes first.
--
-- KEYS   the marker
-- ARGV   the version that who asks knows
-- Reply  the version that is in force

local marker = redis.call('GET', KEYS[1])
if marker then return marker end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]
