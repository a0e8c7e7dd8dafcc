#!lua flags=allow-cross-slot-keys
-- Record what one node holds of several users, and report whose record changed.
-- KEYS[1..3]  keys of the first user: they route the call to its master. The other users live on the same
--             master in slots of their own, which is what the flag above is for
-- ARGV[1]  node ID                    ARGV[2]  epoch of the node
-- ARGV[3]  life of a record (s)       ARGV[4]  life of a version after the last claim has gone (s)
-- ARGV[5]  how long a record that was lost is partial (s)
-- ARGV[6]  channel for notices of OpenIM's form, '' = no gateway of OpenIM shares the union
-- ARGV[7]  what the channels of nodes begin with, '' = the asking node tells them (a Cluster: they are on other masters)
-- ARGV[8..]  per user: userID, highest version seen (us, 0 = none), platform IDs as '1,5' ('' = holds nothing),
--             'l' = a login waits for its number, which is the new version ('' = none does)
-- Returns  msgpack array, per user in order:
--          version (us)                 nothing changed
--          {claims, union, watchers}    changed, or a login: claims flat, as member, expiry, ..., 'v', the new version;
--                                       the union where it is shared; watchers who are still to be told, flat, as node,
--                                       epoch, ..., without the asking node
--          {version, partial}           the same, where nobody else holds the user or is to be told: no more than what
--                                       was asserted stands there; partial until (s), 0 = it is not
--          text                         this user failed; its claims are as they were, so that a repetition
--                                       finds the same change
-- Tells       msgpack array for each watching node: 2, the asking node, changes flat as user, claims, union, ...

-- @include clock
-- @include user-records
-- @include each-user

-- Texts are made once a call: Redis would print every number anew for every command, which costs more than most
-- commands do.
local node, epoch = ARGV[1], tonumber(ARGV[2])
local ttl_s, tombstone_s, refill_s, notice_channel = ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
local is_shared = notice_channel ~= ''
local node_channels = ARGV[7]
local tells = node_channels ~= ''
local own_holder = node .. '#' .. ARGV[2]
local own_node = node .. '#'
local now = string.format('%.0f', now_s)
local expires_s = now_s + tonumber(ttl_s)
local expires = string.format('%.0f', expires_s)
local refill_ends = string.format('%.0f', now_s + refill_s)

-- A list of platforms, parsed once: most users of a batch share a few lists.
local assertions = {}
local function assertion_of(list)
  local known = assertions[list]
  if known then
    return known
  end
  local made = { count = 0, platforms = {}, members = {}, claims = {}, union = {} }
  for platform in string.gmatch(list, '%d+') do
    local member = platform .. '@' .. own_holder
    made.count = made.count + 1
    made.platforms[platform] = true
    made.members[member] = true
    for _, text in ipairs({ expires, member }) do
      made.claims[#made.claims + 1] = text
    end
    for _, text in ipairs({ expires, platform }) do
      made.union[#made.union + 1] = text
    end
  end
  assertions[list] = made
  return made
end

-- The commonest cases, a renewal and a user who was offline, handled without making tables: nearly all of the load when
-- many users log in or are renewed. Returns the same as `compare`, or nil for all other cases.
local simple = { version = 0, missing = 0, kept = {}, dropped = {}, withdrawn = {}, ends_s = 0 }
local function compare_simple(claims, assertion)
  if #claims == 0 then
    simple.version, simple.missing, simple.partial_until = 0, assertion.count, nil
    return simple
  end
  -- The version has by far the greatest score, so it comes last; what ends a refill is sooner than any claim's end.
  local first, last = 1, #claims - 1
  simple.partial_until = nil
  if claims[1] == 'p' then
    first, simple.partial_until = 3, tonumber(claims[2])
  end
  if last - first ~= 2 * assertion.count or claims[last] ~= 'v' then
    return nil
  end
  for i = first, last - 1, 2 do
    if not assertion.members[claims[i]] then
      return nil
    end
  end
  simple.version, simple.missing = tonumber(claims[last + 1]), 0
  return simple
end

-- Compare what is stored of a user with what this node asserts. "Changed" compares the sets before and after: an
-- expired leftover that is asserted again is no change; one that is removed is a change, because nobody told the
-- watchers when it expired.
local function compare(claims, assertion)
  local found = { version = 0, missing = assertion.count, kept = {}, dropped = {}, withdrawn = {}, ends_s = 0 }
  local held_elsewhere = {}
  for i = 1, #claims, 2 do
    local member = claims[i]
    if assertion.members[member] then
      found.missing = found.missing - 1
    elseif member == 'v' then
      found.version = tonumber(claims[i + 1])
    elseif member == 'p' then
      found.partial_until = tonumber(claims[i + 1])
    else
      local platform, holder = string.match(member, '^(%d+)@(.+)$')
      local is_own = holder == own_holder
        or (holder and string.sub(holder, 1, #own_node) == own_node
          and tonumber(string.sub(holder, #own_node + 1)) < epoch)
      local score = tonumber(claims[i + 1])
      if is_own then
        found.dropped[#found.dropped + 1] = member
        found.withdrawn[#found.withdrawn + 1] = platform
      elseif not holder or score <= now_s then
        found.dropped[#found.dropped + 1] = member
      else
        held_elsewhere[platform] = true
        found.kept[#found.kept + 1] = member
        found.kept[#found.kept + 1] = claims[i + 1]
        found.ends_s = math.max(found.ends_s, score)
      end
    end
  end
  for i = #found.withdrawn, 1, -1 do
    local platform = found.withdrawn[i]
    if held_elsewhere[platform] or assertion.platforms[platform] then
      table.remove(found.withdrawn, i)
    end
  end
  return found
end

-- Write the union: only what is asserted, what was withdrawn and nobody else holds, and what expired. The rest is
-- held by gateways of OpenIM's own, and neither it nor the life of the key is cut. Returns whether the set changed.
local function write_union(key, assertion, withdrawn)
  local added, removed = 0, 0
  if assertion.count > 0 then
    added = redis.call('ZADD', key, 'GT', unpack(assertion.union))
    if added == 0 or redis.call('EXPIRE', key, ttl_s, 'NX') == 0 then
      redis.call('EXPIRE', key, ttl_s, 'GT')
    end
  end
  if #withdrawn > 0 then
    removed = redis.call('ZREM', key, unpack(withdrawn))
  end
  local lapsed = redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  -- Where no gateway of OpenIM shares the union, its expired entries tell nothing that the claims do not.
  return added + removed > 0 or (is_shared and lapsed > 0)
end

-- Nodes that watch a user, without this one. Forgets those that have not renewed: a node that never comes back
-- would else stay as long as any other node watches.
local function living_watchers(user)
  local watchers, lapsed = {}, {}
  local stored = redis.call('HGETALL', watch_key(user))
  for i = 1, #stored, 2 do
    local watch_epoch, watch_ends = string.match(stored[i + 1], '^(%d+):(%d+)$')
    if not watch_epoch or tonumber(watch_ends) <= now_s then
      lapsed[#lapsed + 1] = stored[i]
    elseif stored[i] ~= node then
      watchers[#watchers + 1] = stored[i]
      watchers[#watchers + 1] = watch_epoch
    end
  end
  if #lapsed > 0 then
    redis.call('HDEL', watch_key(user), unpack(lapsed))
  end
  return watchers
end

-- The changes for each watching node, sent at the end in one message.
local news = {}
local function gather_news(watchers, user, record, union)
  for i = 1, #watchers, 2 do
    local changes = news[watchers[i]] or {}
    news[watchers[i]] = changes
    for _, part in ipairs({ user, record, union }) do
      changes[#changes + 1] = part
    end
  end
end

-- Claims are written last: a key of a wrong type, or one that a Cluster is moving away, fails the user before, and
-- the repetition finds the same change.
local function assert_user(user, version_seen, list, is_login)
  local claims, online = claims_key(user), online_key(user)
  local assertion = assertion_of(list)
  local stored = redis.call('ZRANGE', claims, '0', '-1', 'WITHSCORES')
  local found = compare_simple(stored, assertion) or compare(stored, assertion)
  -- A version seen above the stored one: the store lost writes (fail-over, flush). Watchers that hold the lost
  -- version would ignore everything up to it, so what is true now needs a greater one.
  local changed = found.missing > 0 or #found.dropped > 0 or version_seen > found.version
  local watchers = changed and living_watchers(user)
  local union_changed = write_union(online, assertion, found.withdrawn)
  if not changed and union_changed then
    changed = true
    watchers = living_watchers(user)
  end
  if not changed and is_login then
    -- A number concerns only the node of the login.
    changed = true
    watchers = {}
  end
  if not changed and assertion.count == 0 then
    return found.version
  end

  local life_s = tombstone_s
  if found.ends_s > expires_s or (assertion.count == 0 and found.ends_s > 0) then
    life_s = string.format('%.0f', found.ends_s - now_s)
  elseif assertion.count > 0 then
    life_s = ttl_s
  end
  local has_refilled = found.partial_until and found.partial_until <= now_s
  if has_refilled then
    redis.call('ZREM', claims, 'p')
  end
  if not changed then
    redis.call('ZADD', claims, unpack(assertion.claims))
    redis.call('EXPIRE', claims, life_s)
    return found.version
  end

  local version = math.max(now_us, found.version + 1, version_seen + 1)
  local version_text = string.format('%.0f', version)
  local partial_until = not has_refilled and found.partial_until
  if #found.dropped > 0 then
    redis.call('ZREM', claims, unpack(found.dropped))
  end
  -- There was no record, or an older one than was seen: other nodes may have to assert again what was lost with it.
  if found.version == 0 or version_seen > found.version then
    partial_until = now_s + refill_s
    redis.call('ZADD', claims, version_text, 'v', refill_ends, 'p', unpack(assertion.claims))
  else
    redis.call('ZADD', claims, version_text, 'v', unpack(assertion.claims))
  end
  redis.call('EXPIRE', claims, life_s)
  if union_changed and is_shared then
    local platforms = redis.call('ZRANGE', online, '0', '-1')
    local parts = #platforms > 0 and table.concat(platforms, ':') .. ':' or ''
    redis.call('PUBLISH', notice_channel, parts .. user)
  end
  local is_explained = not is_shared or redis.call('ZCARD', online) == assertion.count
  local is_alone = #found.kept == 0 and is_explained
  if is_alone and #watchers == 0 then
    return { version, partial_until or 0 }
  end
  local record = { unpack(found.kept) }
  for member in pairs(assertion.members) do
    record[#record + 1] = member
    record[#record + 1] = expires_s
  end
  record[#record + 1] = 'v'
  record[#record + 1] = version
  if partial_until then
    record[#record + 1] = 'p'
    record[#record + 1] = partial_until
  end
  local union = is_shared and redis.call('ZRANGE', online, '0', '-1') or {}
  if not tells then
    return { record, union, watchers }
  end
  gather_news(watchers, user, record, union)
  return is_alone and { version, partial_until or 0 } or { record, union, {} }
end

local answers = each_user(8, 4, function(user, version_seen, list, login)
  return assert_user(user, tonumber(version_seen), list, login ~= '')
end)
for watcher, changes in pairs(news) do
  redis.call('PUBLISH', node_channels .. watcher, cmsgpack.pack({ 2, own_holder, changes }))
end
return answers
