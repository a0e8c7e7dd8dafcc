-- The keys of one user, in one slot (see keys.ts), and what is recorded there.
-- Uses now_s of clock.lua. A record with an expiry of now or before has expired, as OpenIM's script has it.
local function online_key(user) return 'ONLINE:' .. user end
local function claims_key(user) return 'PRESENCE:{ONLINE:' .. user .. '}' end
local function watch_key(user) return 'WATCH:{ONLINE:' .. user .. '}' end
local function seats_key(user) return 'SEATS:{ONLINE:' .. user .. '}' end
