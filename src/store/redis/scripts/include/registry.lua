-- The registry: which nodes live, which are dead, and which dead ones are still to be swept. Uses now_us of clock.lua.
-- KEYS[1]  nodes: zset node#epoch -> lease end (ms)
-- KEYS[2]  dead: zset node#epoch -> from when on its claims do not count (ms)
-- KEYS[3]  sweeps: zset node#epoch -> when the next may begin to sweep it (ms)
-- KEYS[4]  version of the registry (us)

-- Whole milliseconds, cut and not rounded: every script must see the same leases end.
local now_ms = math.floor(now_us / 1000)

local function registry_changed()
  local version = math.max(now_us, tonumber(redis.call('GET', KEYS[4]) or '0') + 1)
  redis.call('SET', KEYS[4], string.format('%.0f', version))
end

local function mark_dead(holder, from_ms)
  local from = string.format('%.0f', from_ms)
  redis.call('ZREM', KEYS[1], holder)
  redis.call('ZADD', KEYS[2], from, holder)
  redis.call('ZADD', KEYS[3], from, holder)
end
