#!lua
-- Enter a node into the registry under a new epoch.
-- KEYS[1] to KEYS[4]  the registry, see registry.lua    KEYS[5]  last epoch of this node and its process
-- ARGV[1]  node ID    ARGV[2]  lease (ms)    ARGV[3]  how long an epoch is remembered without a new one (s)
-- ARGV[4]  process    ARGV[5]  how long claims of an earlier process count (ms)
-- Returns  array: the epoch as text, which is the server's time in ms, or the one before + 1 where that is greater;
--          then the earlier incarnations of the same process, as node#epoch, which live on, with a lease as long

-- @include clock
-- @include registry

local own_node, lease_end_ms = ARGV[1] .. '#', now_ms + tonumber(ARGV[2])
local last_epoch, process = string.match(redis.call('GET', KEYS[5]) or '', '^(%d+):?(.*)$')
local epoch = string.format('%.0f', math.max(now_ms, tonumber(last_epoch or '0') + 1))
local answer = { epoch }
for _, holder in ipairs(redis.call('ZRANGE', KEYS[1], '0', '-1')) do
  if string.sub(holder, 1, #own_node) == own_node then
    if process == ARGV[4] then
      answer[#answer + 1] = holder
      redis.call('ZADD', KEYS[1], lease_end_ms, holder)
    else
      mark_dead(holder, now_ms + tonumber(ARGV[5]))
    end
  end
end
redis.call('SET', KEYS[5], epoch .. ':' .. ARGV[4], 'EX', ARGV[3])
redis.call('ZADD', KEYS[1], lease_end_ms, own_node .. epoch)
registry_changed()
return answer
