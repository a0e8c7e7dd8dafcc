#!lua flags=no-writes,allow-cross-slot-keys
-- Ask which commands the user of this connection may not run. None of them is run.
-- KEYS  none
-- ARGV[1]  JSON array of commands, each an array of words
-- Returns  array: the places of those that are not allowed, from 1; none where the server cannot tell

local refused = {}
if not redis.acl_check_cmd then
  return refused
end
for place, words in ipairs(cjson.decode(ARGV[1])) do
  local is_known, is_allowed = pcall(redis.acl_check_cmd, unpack(words))
  if not (is_known and is_allowed) then
    refused[#refused + 1] = place
  end
end
return refused
