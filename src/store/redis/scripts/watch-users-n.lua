#!lua flags=allow-cross-slot-keys
-- Record that one node wants to know of several users, and read them in the same instant.
-- KEYS[1..3]  keys of the first user: they route the call to its master, where the other users live too
-- ARGV[1]  node ID    ARGV[2]  epoch of the node    ARGV[3]  life of a watch (s)
-- ARGV[4]  '1' = OpenIM's gateways write to the union too    ARGV[5..]  userIDs
-- Returns  msgpack array, per user in order: {claims, union, why the interest was not recorded, if it was not}, or text =
--          this user failed. Claims are flat: member, expiry, ..., 'v', version. The union is {} unless OpenIM's gateways
--          write to it: else it says nothing that the claims do not (half of the time of a read)

-- @include clock
-- @include user-records
-- @include each-user

local node, ttl_s, is_shared = ARGV[1], tonumber(ARGV[3]), ARGV[4] == '1'
local live = '(' .. now_s
-- Node -> epoch:expiry. A hash field has no expiry of its own, and the key lives while any node renews.
local watch = ARGV[2] .. ':' .. (now_s + ttl_s)

return each_user(5, 1, function(user)
  -- First, and even where the record cannot be read: the record of a user and that of the watchers may each be damaged alone.
  local recorded = redis.pcall('HSET', watch_key(user), node, watch)
  -- Never cut: watches of other nodes may live longer. A renewal finds a life to prolong, a new field mostly none.
  local first, second = 'GT', 'NX'
  if recorded == 1 then
    first, second = second, first
  end
  if redis.call('EXPIRE', watch_key(user), ttl_s, first) == 0 then
    redis.call('EXPIRE', watch_key(user), ttl_s, second)
  end
  return {
    redis.call('ZRANGEBYSCORE', claims_key(user), live, '+inf', 'WITHSCORES'),
    is_shared and redis.call('ZRANGEBYSCORE', online_key(user), live, '+inf') or {},
    type(recorded) == 'table' and recorded.err or nil,
  }
end)
