-- The keys of one user, in one slot (see keys.ts), and what is recorded there.
-- Uses now_s of clock.lua. A record with an expiry of now or before has expired, as OpenIM's script has it.
local function online_key(user) return 'ONLINE:' .. user end
local function claims_key(user) return 'PRESENCE:{ONLINE:' .. user .. '}' end
local function watch_key(user) return 'WATCH:{ONLINE:' .. user .. '}' end
local function seats_key(user) return 'SEATS:{ONLINE:' .. user .. '}' end

-- The live claims with the version, flat: member, expiry, ..., 'v', version; and the members of the live union, where
-- gateways of OpenIM's own write to it too: else it says nothing that the claims do not (half of the time of a read).
local function read_record(user, is_shared)
  local live = '(' .. now_s
  return {
    redis.call('ZRANGEBYSCORE', claims_key(user), live, '+inf', 'WITHSCORES'),
    is_shared and redis.call('ZRANGEBYSCORE', online_key(user), live, '+inf') or {},
  }
end
