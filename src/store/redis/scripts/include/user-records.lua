-- The keys of one user, in one slot (see keys.ts), and what is recorded there.
-- Uses now_s of clock.lua, and KEYS[2], the union of the first user: it says what all keys begin with. A user ID has no
-- colon, so the last `ONLINE:` is where the prefix ends. A record with an expiry of now or before has expired, as OpenIM's script has it.
local prefix = string.match(KEYS[2], '^(.*)ONLINE:')
local online_start = prefix .. 'ONLINE:'
local claims_start = prefix .. 'PRESENCE:{' .. online_start
local watch_start = prefix .. 'WATCH:{' .. online_start
local seats_start = prefix .. 'SEATS:{' .. online_start
local function online_key(user) return online_start .. user end
local function claims_key(user) return claims_start .. user .. '}' end
local function watch_key(user) return watch_start .. user .. '}' end
local function seats_key(user) return seats_start .. user .. '}' end
