#!lua
-- Use a refresh token up: the first call that takes it has it.
-- KEYS[1]  refresh tokens: hash digest -> expiry (Unix s)
-- ARGV[1]  digest
-- Returns  1 = it was good until now, 0 = it was not there, or had expired

-- @include clock

local ends_s = redis.call('HGET', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
return ends_s and tonumber(ends_s) > now_s and 1 or 0
