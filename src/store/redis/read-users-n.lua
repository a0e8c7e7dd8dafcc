#!lua flags=no-writes,allow-cross-slot-keys
-- Read what is recorded of several users.
-- KEYS[1..3]  keys of the first user: they route the call to its master, where the other users live too
-- ARGV[1]  '1' = OpenIM's gateways write to the union too    ARGV[2..]  userIDs
-- Returns  msgpack array, per user in order: {claims, union} as read_record has them, or text = this user failed

-- @include clock
-- @include user-records
-- @include each-user

return each_user(2, 1, function(user)
  return read_record(user, ARGV[1] == '1')
end)
