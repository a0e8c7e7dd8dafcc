#!lua
-- Put a token on record, good. The hash holds other tokens too: their life may be prolonged, never cut.
-- KEYS[1]  tokens: hash token -> state number    KEYS[2]  what stands beside them, see token-side.lua
-- ARGV[1]  token    ARGV[2]  digest    ARGV[3]  life (s)
-- Returns  1

redis.call('HSET', KEYS[1], ARGV[1], '0')
if redis.call('EXPIRE', KEYS[1], ARGV[3], 'NX') == 0 then
  redis.call('EXPIRE', KEYS[1], ARGV[3], 'GT')
end
-- It is a new token now: a kick of an older token with the same text does not count.
redis.call('HDEL', KEYS[2], 'k:' .. ARGV[2])
return 1
