#!lua
-- Enter a node into the registry under a new epoch; its earlier incarnations leave.
-- KEYS[1]  registry: zset node#epoch -> lease end (ms)    KEYS[2]  last epoch of this node
-- ARGV[1]  node ID    ARGV[2]  lease (ms)    ARGV[3]  how long an epoch is remembered without a new one (s)
-- Returns  the epoch as text: the server's time in ms, or the one before + 1 where that is greater

-- @include clock

local now_ms = math.floor(now_us / 1000)
local epoch = math.max(now_ms, tonumber(redis.call('GET', KEYS[2]) or '0') + 1)
local own_node = ARGV[1] .. '#'

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now_ms)
for _, holder in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if string.sub(holder, 1, #own_node) == own_node then
    redis.call('ZREM', KEYS[1], holder)
  end
end
local epoch_text = string.format('%.0f', epoch)
redis.call('SET', KEYS[2], epoch_text, 'EX', ARGV[3])
redis.call('ZADD', KEYS[1], now_ms + tonumber(ARGV[2]), own_node .. epoch_text)
return epoch_text
