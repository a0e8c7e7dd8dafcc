#!lua
-- Read the state of a token, and note that a node relies on it from now on.
-- KEYS[1]  tokens: hash token -> state number    KEYS[2]  what stands beside them, see token-side.lua
-- ARGV[1]  token    ARGV[2]  node ID    ARGV[3]  epoch of the node    ARGV[4]  life of a reliance at least (s)
-- Returns  the state number as text, nil = not on record

-- @include clock
-- @include token-side

local field, epoch, life_s = '@' .. ARGV[2], ARGV[3], tonumber(ARGV[4])
local known_epoch, ends_s = parse(redis.call('HGET', KEYS[2], field))
if known_epoch and tonumber(known_epoch) > tonumber(epoch) then
  -- An earlier incarnation asks late: both hear what the later one hears.
  epoch = known_epoch
end
-- Written for twice as long as promised, so that most logins find enough of it left.
if epoch ~= known_epoch or ends_s - now_s < life_s then
  write_field(KEYS[2], field, epoch, 2 * life_s)
  prolong(KEYS[2], 2 * life_s)
  tidy(KEYS[2])
end
return redis.call('HGET', KEYS[1], ARGV[1])
