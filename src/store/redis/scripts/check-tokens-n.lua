#!lua flags=allow-cross-slot-keys
-- Read the states of several tokens, and note that a node relies on them from now on.
-- KEYS[1..2]  keys of the first token: they route the call to its master, where the others live too, and the first says
--             what all keys begin with
-- ARGV[1]  node ID    ARGV[2]  epoch of the node    ARGV[3]  reliance with less left than this is recorded anew (s)
-- ARGV[4]  life of a reliance that is recorded (s)
-- ARGV[5..] three values a token: userID, name of the platform, token
-- Returns  msgpack array, per token in order: the state number, -1 = not on record, or text = this token failed

-- @include clock
-- @include token-side
-- @include each-user

local own_field, own_epoch = '@' .. ARGV[1], ARGV[2]
local enough_s, life_s = tonumber(ARGV[3]), tonumber(ARGV[4])
local NOT_ON_RECORD, STRANGE = -1, 1
local prefix = string.match(KEYS[1], '^(.*)UID_PID_TOKEN_STATUS:')
local tokens_start, side_start = prefix .. 'UID_PID_TOKEN_STATUS:', prefix .. 'TOKENS:{'

local function rely(side)
  local epoch = own_epoch
  local known_epoch, ends_s = parse(redis.call('HGET', side, own_field))
  if known_epoch and tonumber(known_epoch) > tonumber(epoch) then
    -- An earlier incarnation asks late: kicks still go to the latest one.
    epoch = known_epoch
  end
  if epoch ~= known_epoch or ends_s - now_s < enough_s then
    write_field(side, own_field, epoch, life_s)
    prolong(side, life_s)
    tidy(side)
  end
end

return each_user(5, 3, function(user, platform, token)
  local tokens = tokens_start .. user .. ':' .. platform
  rely(side_start .. tokens .. '}')
  local state = redis.call('HGET', tokens, token)
  return state and (tonumber(state) or STRANGE) or NOT_ON_RECORD
end)
