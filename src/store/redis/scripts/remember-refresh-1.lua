#!lua
-- Remember a refresh token. The hash forgets those that have expired.
-- KEYS[1]  refresh tokens: hash digest -> expiry (Unix s)
-- ARGV[1]  digest    ARGV[2]  life (s)
-- Returns  1

-- @include clock

local stored = redis.call('HGETALL', KEYS[1])
for i = 1, #stored, 2 do
  if tonumber(stored[i + 1]) <= now_s then
    redis.call('HDEL', KEYS[1], stored[i])
  end
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now_s + tonumber(ARGV[2])))
if redis.call('EXPIRE', KEYS[1], ARGV[2], 'NX') == 0 then
  redis.call('EXPIRE', KEYS[1], ARGV[2], 'GT')
end
return 1
