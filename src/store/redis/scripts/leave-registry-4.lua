#!lua
-- A node leaves the registry: it holds nobody any more.
-- KEYS[1] to KEYS[4]  the registry, see registry.lua
-- ARGV[1..]  node#epoch of its incarnations
-- Returns  nothing

-- @include clock
-- @include registry

redis.call('ZREM', KEYS[1], unpack(ARGV))
registry_changed()
