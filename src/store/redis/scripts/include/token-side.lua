-- What stands beside the tokens of one user on one platform, in a hash of their slot. Uses now_s of clock.lua.
--   @<node>     epoch:expiry           the node relies on one of the tokens
--   k:<digest>  number:expiry:state    the login that kicked the token, and its state before ('' = not on record)
--   l:<digest>  number:expiry          the greatest login that vouched for the token
-- Times in Unix s. A token that is flagged as kicked and has no k: was kicked by OpenIM: no login undoes that.

-- Number (as text), expiry and the rest of one field; nothing for one that is not there or has lapsed.
local function parse(stored)
  local number, ends, rest = string.match(stored or '', '^(%d+):(%d+):?(.*)$')
  if number and tonumber(ends) > now_s then
    return number, tonumber(ends), rest
  end
end

-- All fields that have not lapsed. The others go.
local function living_fields(key)
  local stored, living = redis.call('HGETALL', key), {}
  for i = 1, #stored, 2 do
    local number, ends, rest = parse(stored[i + 1])
    if number then
      living[stored[i]] = { number = number, ends = ends, rest = rest }
    else
      redis.call('HDEL', key, stored[i])
    end
  end
  return living
end

local function write_field(key, field, number, life_s, rest)
  local value = number .. ':' .. string.format('%.0f', now_s + life_s)
  redis.call('HSET', key, field, rest and value .. ':' .. rest or value)
end

-- Let the key live at least as long as what was just written. Prolonged by half as much again, so that few writes
-- have to.
local function prolong(key, life_s)
  if redis.call('TTL', key) < life_s then
    redis.call('EXPIRE', key, string.format('%.0f', life_s * 1.5))
  end
end

-- A hash field has no expiry of its own, and the key lives while anybody writes: a call that writes, and finds more fields
-- than this, looks for lapsed ones.
local tidy_above = 64
local function tidy(key)
  if redis.call('HLEN', key) > tidy_above then
    living_fields(key)
  end
end
