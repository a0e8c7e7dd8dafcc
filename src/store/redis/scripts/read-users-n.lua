#!lua flags=no-writes,allow-cross-slot-keys
-- Read where several users are. Without scores: to write them down takes Redis as long as all the rest.
-- KEYS[1..3]  keys of the first user: they route the call to its master, where the other users live too
-- ARGV[1]  '1' = OpenIM's gateways write to the union too    ARGV[2..]  userIDs
-- Returns  msgpack array, per user in order: {live members of the claims; those of the union, where it is shared}, or
--          text = this user failed

-- @include clock
-- @include user-records
-- @include each-user

local is_shared = ARGV[1] == '1'
local live = '(' .. now_s

return each_user(2, 1, function(user)
  return {
    redis.call('ZRANGEBYSCORE', claims_key(user), live, '+inf'),
    is_shared and redis.call('ZRANGEBYSCORE', online_key(user), live, '+inf') or nil,
  }
end)
