#!lua flags=allow-cross-slot-keys
-- Withdraw one node's interest in several users.
-- KEYS[1..3]  keys of the first user: they route the call to its master, where the other users live too
-- ARGV[1]  node ID    ARGV[2..]  userIDs
-- Returns  msgpack array, per user in order: 1 = it had watched, 0 = it had not, or text = this user failed

-- @include user-records
-- @include each-user

return each_user(2, 1, function(user)
  return redis.call('HDEL', watch_key(user), ARGV[1])
end)
