#!lua flags=allow-cross-slot-keys
-- Record every seat that one node has of several users; seats that it, or an earlier incarnation, had before are
-- cleared.
-- KEYS[1..3]  keys of the first user: they route the call to its master, where the other users live too
-- ARGV[1]  node ID    ARGV[2]  epoch of the node    ARGV[3]  life of a seat (s)
-- ARGV[4..]  per user: userID, seats as 'platform/device.id,?platform/device.id' ('' = none); one with ? stays if it is
--             there
-- Returns  msgpack array, per user in order: 1, or text = this user failed

-- @include clock
-- @include user-records
-- @include each-user

local own_node, own_holder, epoch = ARGV[1] .. '#', ARGV[1] .. '#' .. ARGV[2], tonumber(ARGV[2])
local expires = string.format('%.0f', now_s + tonumber(ARGV[3]))

return each_user(4, 2, function(user, list)
  local key, kept, asked = seats_key(user), {}, {}
  for mark, seat in string.gmatch(list, '(%??)([^,?]+)') do
    local seats = mark == '' and kept or asked
    seats[seat .. '@' .. own_holder] = true
  end
  for _, member in ipairs(redis.call('ZRANGE', key, '0', '-1')) do
    local holder = string.match(member, '@(.+)$')
    local is_own = holder and string.sub(holder, 1, #own_node) == own_node
      and tonumber(string.sub(holder, #own_node + 1)) <= epoch
    if is_own and not kept[member] and not asked[member] then
      redis.call('ZREM', key, member)
    end
  end
  for member in pairs(kept) do
    redis.call('ZADD', key, expires, member)
  end
  -- Never cut: seats of other nodes may live longer.
  if next(kept) and redis.call('EXPIRE', key, ARGV[3], 'GT') == 0 then
    redis.call('EXPIRE', key, ARGV[3], 'NX')
  end
  return 1
end)
