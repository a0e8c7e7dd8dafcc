#!lua flags=no-writes
-- Read which login kicked a token.
-- KEYS[1]  what stands beside the tokens, see token-side.lua
-- ARGV[1]  digest
-- Returns  number of the login as text, '' = none kicked it, or that is so long ago that no login can undo it

-- @include clock
-- @include token-side

local by = parse(redis.call('HGET', KEYS[1], 'k:' .. ARGV[1]))
return by or ''
