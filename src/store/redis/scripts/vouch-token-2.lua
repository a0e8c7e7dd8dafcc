#!lua
-- Record that a login was made with a token: undo the kick of an earlier login, and spare the token from late ones.
-- KEYS[1]  tokens: hash token -> state number    KEYS[2]  what stands beside them, see token-side.lua
-- ARGV[1]  token    ARGV[2]  digest    ARGV[3]  number of the login    ARGV[4]  how long that is remembered (s)
-- Returns  1 = a kick was undone, 0 = there was none to undo

-- @include clock
-- @include token-side

local login, life_s = tonumber(ARGV[3]), tonumber(ARGV[4])
local vouch_field, kick_field = 'l:' .. ARGV[2], 'k:' .. ARGV[2]
local vouched = parse(redis.call('HGET', KEYS[2], vouch_field))
if not vouched or tonumber(vouched) < login then
  write_field(KEYS[2], vouch_field, ARGV[3], life_s)
  prolong(KEYS[2], life_s)
  tidy(KEYS[2])
end

if redis.call('HGET', KEYS[1], ARGV[1]) ~= '2' then
  return 0
end
local by, _, state_before = parse(redis.call('HGET', KEYS[2], kick_field))
if not by or tonumber(by) >= login then
  return 0
end
if state_before == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], state_before)
end
redis.call('HDEL', KEYS[2], kick_field)
return 1
