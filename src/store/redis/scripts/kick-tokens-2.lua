#!lua
-- Flag tokens as kicked, also such as are not on record, except those that a later login has vouched for.
-- KEYS[1]  tokens: hash token -> state number    KEYS[2]  what stands beside them, see token-side.lua
-- ARGV[1]  number of the login that kicks        ARGV[2]  how long the flag is kept at least (s)
-- ARGV[3..]  per token: token, digest
-- Returns  {indices, nodes}: which tokens were flagged, from 1; the nodes that rely on tokens of this user and
--          platform, flat: node, epoch...

-- @include clock
-- @include token-side

local by, life_s = ARGV[1], tonumber(ARGV[2])
local left_s = redis.call('TTL', KEYS[1])
local side = living_fields(KEYS[2])

-- The state before stays with the kick, so that a later login undoes the whole of it. Another kick of the same token
-- only raises the number, and what OpenIM kicked gets none.
local function flag(token, digest)
  local kick = side['k:' .. digest]
  local state = redis.call('HGET', KEYS[1], token)
  if state ~= '2' then
    write_field(KEYS[2], 'k:' .. digest, by, life_s, state or '')
    redis.call('HSET', KEYS[1], token, '2')
  elseif kick and tonumber(kick.number) < tonumber(by) then
    write_field(KEYS[2], 'k:' .. digest, by, life_s, kick.rest)
  end
end

local flagged = {}
for i = 3, #ARGV, 2 do
  local vouched = side['l:' .. ARGV[i + 1]]
  if not vouched or tonumber(vouched.number) <= tonumber(by) then
    flag(ARGV[i], ARGV[i + 1])
    flagged[#flagged + 1] = (i - 1) / 2
  end
end
if #flagged > 0 then
  prolong(KEYS[2], life_s)
  -- Never cut: the hash holds other tokens too. One without an expiry (-1) has the longest life there is.
  if left_s ~= -1 and left_s < life_s then
    redis.call('EXPIRE', KEYS[1], ARGV[2])
  end
end

local nodes = {}
for field, reliance in pairs(side) do
  if string.sub(field, 1, 1) == '@' then
    nodes[#nodes + 1] = string.sub(field, 2)
    nodes[#nodes + 1] = reliance.number
  end
end
return { flagged, nodes }
