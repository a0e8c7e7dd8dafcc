#!lua flags=no-writes,allow-cross-slot-keys
-- Look through a page of one master's keys for users that a node holds.
-- KEYS  none: a page is what this master has, wherever it belongs
-- ARGV[1]  cursor, '0' = the first page    ARGV[2]  keys to look at, about    ARGV[3]  node#epoch
-- ARGV[4]  what all keys begin with; it has no character that is special in a pattern of SCAN
-- Returns  array: next cursor, '0' = that was the last page; then userIDs

local holder = '@' .. ARGV[3]
local claims_start = ARGV[4] .. 'PRESENCE:{' .. ARGV[4] .. 'ONLINE:'
local page = redis.call('SCAN', ARGV[1], 'MATCH', claims_start .. '*}', 'COUNT', ARGV[2])
local found = { page[1] }
for _, key in ipairs(page[2]) do
  -- A key of a wrong type, or one that is just moving away, is passed over.
  local ok, claims = pcall(redis.call, 'ZRANGE', key, '0', '-1')
  for _, member in ipairs(ok and claims or {}) do
    if string.sub(member, -#holder) == holder then
      found[#found + 1] = string.sub(key, #claims_start + 1, -2)
      break
    end
  end
end
return found
