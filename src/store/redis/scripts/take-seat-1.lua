#!lua
-- Give one login its seat, if nothing is in the way.
-- KEYS[1]  seats of one user: zset platform/device.id@node#epoch -> expiry (s)
-- ARGV[1]  node#epoch    ARGV[2]  seat, as platform/device.id    ARGV[3]  life of a seat (s)
-- ARGV[4]  seats of the user at most    ARGV[5]  on this platform at most; 0 = no cap
-- ARGV[6]  rivals, platforms as ',1,5,'    ARGV[7]  1 = rivals leave, and neither hinder nor count
--          Seats of the same device are no rivals, and count
-- ARGV[8]  living holders as ',node#epoch,'; seats of others are cleared. '' = all count as living
-- Returns  array: '' = taken; else 'conflict', 'user' or 'platform', and the holders of the seats in the way

-- @include clock

local holder, seat, rivals, rivals_yield = ARGV[1], ARGV[2], ARGV[6], ARGV[7] == '1'
local own_platform, own_device = string.match(seat, '^(%d+)/'), string.match(seat, '^[^.]+')
local user_max, platform_max = tonumber(ARGV[4]), tonumber(ARGV[5])

local function has(list, item)
  return string.find(list, ',' .. item .. ',', 1, true) ~= nil
end

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now_s)
local of_user, of_platform = 0, 0
-- Answers as they may be given: unpacked, thousands of holders would be too many for Lua.
local conflicts, holders, platform_holders = { 'conflict' }, { 'user' }, { 'platform' }
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], '0', '-1')) do
  local taken, by = string.match(member, '^([^@]+)@(.+)$')
  local platform = taken and string.match(taken, '^(%d+)/')
  if not platform or (ARGV[8] ~= '' and not has(ARGV[8], by)) then
    redis.call('ZREM', KEYS[1], member)
  elseif not (by == holder and taken == seat) then
    local is_rival = has(rivals, platform) and string.match(taken, '^[^.]+') ~= own_device
    if is_rival and not rivals_yield then
      conflicts[#conflicts + 1] = by
    end
    if not (is_rival and rivals_yield) then
      of_user = of_user + 1
      holders[#holders + 1] = by
      if platform == own_platform then
        of_platform = of_platform + 1
        platform_holders[#platform_holders + 1] = by
      end
    end
  end
end

if #conflicts > 1 then
  return conflicts
end
if platform_max > 0 and of_platform >= platform_max then
  return platform_holders
end
if user_max > 0 and of_user >= user_max then
  return holders
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now_s + tonumber(ARGV[3])), seat .. '@' .. holder)
-- Never cut: seats of other nodes may live longer.
if redis.call('EXPIRE', KEYS[1], ARGV[3], 'GT') == 0 then
  redis.call('EXPIRE', KEYS[1], ARGV[3], 'NX')
end
return { '' }
