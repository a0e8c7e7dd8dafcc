#!lua
-- Keep one node in the registry, unless its lease has ended.
-- KEYS[1]  registry: zset node#epoch -> lease end (ms)
-- ARGV[1]  node#epoch    ARGV[2]  lease (ms)
-- Returns  1 = renewed, 0 = the lease had ended or a newer incarnation took over

-- @include clock

local now_ms = math.floor(now_us / 1000)
local lease_end_ms = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or '0')
if lease_end_ms <= now_ms then
  return 0
end
redis.call('ZADD', KEYS[1], now_ms + tonumber(ARGV[2]), ARGV[1])
return 1
