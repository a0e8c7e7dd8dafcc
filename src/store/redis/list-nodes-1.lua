#!lua flags=no-writes
-- List the nodes whose lease has not ended.
-- KEYS[1]  registry: zset node#epoch -> lease end (ms)
-- ARGV     none
-- Returns  array of node#epoch

-- @include clock

-- Whole milliseconds, cut and not rounded, as renew-lease-1.lua has them: both must see the same leases end.
local now_ms = string.format('%.0f', math.floor(now_us / 1000))
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now_ms, '+inf')
