#!lua
-- Keep one node in the registry, mark nodes dead that did not keep theirs, and say what changed.
-- KEYS[1] to KEYS[4]  the registry, see registry.lua    KEYS[5]  last epoch of this node and its process
-- ARGV[1]  node#epoch    ARGV[2]  lease (ms)    ARGV[3]  version of the registry that the node knows (us)
-- ARGV[4]  how long claims count after their node's end at least (ms)    ARGV[5]  life of a record (s)
-- ARGV[6]  the dead node that this node sweeps, '' = none
-- ARGV[7]  a node with less left of its lease is a suspect (ms)
-- ARGV[8]  a renewal is due so long before the end of a lease (ms)
-- ARGV[9]  no lease ends further off than this (ms)    ARGV[10]  a sweep is another node's after so long (ms)
-- ARGV[11] process    ARGV[12] number of earlier incarnations    ARGV[13] number of unregistered ones
-- ARGV[..] earlier incarnations, to be kept as well
-- ARGV[..] unregistered ones, that hold something and are in no registry: to be marked dead
-- ARGV[..] suspects: node#epoch, lease end (ms) when it was seen last
-- Returns  array: 1 = held; a dead node to be swept, '' = none; suspects flat: node#epoch, lease end...; where the version
--          is another: version, living flat, dead flat: node#epoch, ms from now on...
--          Where the lease was lost: 0; and if another process has the name now: its node#epoch, ms that its lease lasts

-- @include clock
-- @include registry

local own, lease_ms, ttl_ms = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[5]) * 1000
local suspect_below_ms, renewal_due_ms = tonumber(ARGV[7]), tonumber(ARGV[8])
local farthest_end_ms, sweep_turn_ms = tonumber(ARGV[9]), tonumber(ARGV[10])
if not redis.call('ZSCORE', KEYS[1], own) then
  local epoch, process = string.match(redis.call('GET', KEYS[5]) or '', '^(%d+):?(.*)$')
  local rival = string.match(own, '^(.*#)') .. (epoch or '')
  local rival_end = epoch and process ~= ARGV[11] and redis.call('ZSCORE', KEYS[1], rival)
  if rival_end then
    return { 0, rival, string.format('%.0f', tonumber(rival_end) - now_ms) }
  end
  return { 0 }
end
-- A lease can be renewed after its end: until the node is marked dead, no other node has acted on that.
redis.call('ZADD', KEYS[1], now_ms + lease_ms, own)
local first_former = 14
local first_stranger = first_former + tonumber(ARGV[12])
local first_suspect = first_stranger + tonumber(ARGV[13])
for i = first_former, first_stranger - 1 do
  redis.call('ZADD', KEYS[1], 'XX', now_ms + lease_ms, ARGV[i])
end

-- A lease end further off than any lease reaches was written by a clock that stood wrong: it says nothing.
local function has_ended(lease_end_ms)
  return lease_end_ms <= now_ms or lease_end_ms > now_ms + farthest_end_ms
end

local has_changed = false
-- The registry was lost with the store, and they died before they were in it again.
for i = first_stranger, first_suspect - 1 do
  if not redis.call('ZSCORE', KEYS[1], ARGV[i]) and not redis.call('ZSCORE', KEYS[2], ARGV[i]) then
    mark_dead(ARGV[i], now_ms)
    has_changed = true
  end
end
-- It must have been a suspect before, and have done nothing since: an end that has come says little by itself, for the
-- store may have been away, or its clock may have been set.
for i = first_suspect, #ARGV, 2 do
  local lease_end = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if lease_end == ARGV[i + 1] and has_ended(tonumber(lease_end)) then
    -- It may have lived until its next renewal was due.
    local lived_until = math.min(now_ms, tonumber(lease_end)) - renewal_due_ms
    mark_dead(ARGV[i], math.max(now_ms, lived_until + tonumber(ARGV[4])))
    has_changed = true
  end
end
-- A dead node is remembered as long as a record of it may live, also one that it wrote when it was dead already.
if redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now_ms - ttl_ms) > 0 then
  has_changed = true
end
if has_changed then
  registry_changed()
end

local suspects = {}
local nodes = redis.call('ZRANGE', KEYS[1], '0', '-1', 'WITHSCORES')
for i = 1, #nodes, 2 do
  local lease_end_ms = tonumber(nodes[i + 1])
  if lease_end_ms - now_ms < suspect_below_ms or has_ended(lease_end_ms) then
    suspects[#suspects + 1] = nodes[i]
    suspects[#suspects + 1] = nodes[i + 1]
  end
end

-- A sweep belongs to the node that renews it, and to another when that one does not come any more.
local to_sweep = ''
local sweep_until = string.format('%.0f', now_ms + sweep_turn_ms)
if ARGV[6] ~= '' then
  redis.call('ZADD', KEYS[3], 'XX', sweep_until, ARGV[6])
else
  to_sweep = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now_ms, 'LIMIT', '0', '1')[1] or ''
  if to_sweep ~= '' then
    redis.call('ZADD', KEYS[3], sweep_until, to_sweep)
  end
end

local version = redis.call('GET', KEYS[4]) or '0'
if version == ARGV[3] then
  return { 1, to_sweep, suspects }
end
local living = {}
for i = 1, #nodes, 2 do
  living[#living + 1] = nodes[i]
end
local dead = redis.call('ZRANGE', KEYS[2], '0', '-1', 'WITHSCORES')
for i = 2, #dead, 2 do
  dead[i] = string.format('%.0f', math.max(0, tonumber(dead[i]) - now_ms))
end
return { 1, to_sweep, suspects, version, living, dead }
