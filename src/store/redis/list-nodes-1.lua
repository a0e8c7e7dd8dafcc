#!lua flags=no-writes
-- List the nodes whose lease has not ended.
-- KEYS[1]  registry: zset node#epoch -> lease end (ms)
-- ARGV     none
-- Returns  array of node#epoch

-- @include clock

return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now_us / 1000), '+inf')
