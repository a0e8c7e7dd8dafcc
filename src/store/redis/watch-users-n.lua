#!lua flags=allow-cross-slot-keys
-- Record that one node wants to know of several users, and read them in the same instant.
-- KEYS[1..3]  keys of the first user: they route the call to its master, where the other users live too
-- ARGV[1]  node ID    ARGV[2]  epoch of the node    ARGV[3]  life of a watch (s)
-- ARGV[4]  '1' = OpenIM's gateways write to the union too    ARGV[5..]  userIDs
-- Returns  msgpack array, per user in order: {claims, union} as read_record has them, or text = this user failed

-- @include clock
-- @include user-records
-- @include each-user

local node, ttl_s, is_shared = ARGV[1], tonumber(ARGV[3]), ARGV[4] == '1'
-- Node -> epoch:expiry. A hash field has no expiry of its own, and the key lives while any node renews.
local watch = ARGV[2] .. ':' .. (now_s + ttl_s)

return each_user(5, 1, function(user)
  local record = read_record(user, is_shared)
  redis.call('HSET', watch_key(user), node, watch)
  redis.call('EXPIRE', watch_key(user), ttl_s)
  return record
end)
