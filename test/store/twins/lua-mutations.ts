/**
 * Ways to break the scripts of the Redis store by a line. The differential test must notice each. Their names begin with
 * `lua`.
 */
import type { Mutation } from '../../sim/mutations.js'

export interface LuaMutation extends Mutation {
  /** Of the steps that notice it. */
  family: 'claims' | 'lapses' | 'leases' | 'seats' | 'tokens' | 'reliance' | 'refreshes'
}

const SCRIPTS = 'src/store/redis/scripts'

function mutations(
  family: LuaMutation['family'],
  script: string,
  ...changes: [name: string, find: string, replace: string][]
): LuaMutation[] {
  return changes.map(([name, find, replace]) => ({
    name: `lua: ${name}`,
    family,
    file: `${SCRIPTS}/${script}.lua`,
    find,
    replace,
  }))
}

export const LUA_MUTATIONS: LuaMutation[] = [
  ...mutations(
    'claims',
    'assert-presence-n',
    [
      'claims of an earlier epoch stay',
      'and tonumber(string.sub(holder, #own_node + 1)) < epoch)',
      'and false)',
    ],
    ['a claim counts in the second in which it ends', 'or score <= now_s then', 'or score < now_s then'],
    [
      'versions do not rise above what nodes have seen',
      'math.max(now_us, found.version + 1, version_seen + 1)',
      'math.max(now_us, found.version + 1)',
    ],
    [
      'a record that lost its last changes is not partial',
      'if found.version == 0 or version_seen > found.version then',
      'if found.version == 0 then',
    ],
    [
      'a record is partial in the second in which it is whole again',
      'found.partial_until <= now_s',
      'found.partial_until < now_s',
    ],
    [
      'the union loses a platform that another node holds',
      'if held_elsewhere[platform] or assertion.platforms[platform] then',
      'if assertion.platforms[platform] then',
    ],
    ['the union keeps what was withdrawn', "removed = redis.call('ZREM', key, unpack(withdrawn))", ''],
    [
      'a watch counts in the second in which it ends',
      'tonumber(watch_ends) <= now_s',
      'tonumber(watch_ends) < now_s',
    ],
    ['a node is told of its own changes', 'elseif stored[i] ~= node then', 'else'],
    [
      'a claim with a shorter life cuts the lives of others',
      'if found.ends_s > expires_s or (assertion.count',
      'if (assertion.count',
    ],
    [
      'a user that others hold lives as long as a version alone',
      ' or (assertion.count == 0 and found.ends_s > 0) then',
      ' then',
    ],
    ['a login without a change gets no number', 'if not changed and is_login then', 'if false then'],
  ),
  ...mutations('lapses', 'assert-presence-n', [
    'what expires in the union is a change',
    '(is_shared and lapsed > 0)',
    'lapsed > 0',
  ]),
  ...mutations(
    'claims',
    'watch-users-n',
    [
      'a watch cuts the lives of others',
      "local first, second = 'GT', 'NX'",
      "local first, second = 'XX', 'NX'",
    ],
    ['a watch ends a second early', '(now_s + ttl_s)', '(now_s + ttl_s - 1)'],
  ),
  ...mutations('claims', 'unwatch-users-n', [
    'an interest is not withdrawn',
    "return redis.call('HDEL', watch_key(user), ARGV[1])",
    'return 1',
  ]),
  ...mutations('claims', 'read-users-n', [
    'a claim is read in the second in which it ends',
    "local live = '(' .. now_s",
    'local live = now_s',
  ]),
  ...mutations(
    'leases',
    'renew-lease-5',
    [
      'a node is suspect a millisecond early',
      'lease_end_ms - now_ms < suspect_below_ms',
      'lease_end_ms - now_ms <= suspect_below_ms',
    ],
    [
      'a lease lives on in the moment of its end',
      'return lease_end_ms <= now_ms',
      'return lease_end_ms < now_ms',
    ],
    ['a wrong lease end is believed', ' or lease_end_ms > now_ms + farthest_end_ms', ''],
    [
      'a node that has renewed is dead',
      'if lease_end == ARGV[i + 1] and has_ended',
      'if lease_end and has_ended',
    ],
    ['claims of the dead end at once', 'math.max(now_ms, lived_until + tonumber(ARGV[4]))', 'now_ms'],
    [
      'a dead node counts a renewal too long',
      'math.min(now_ms, tonumber(lease_end)) - renewal_due_ms',
      'math.min(now_ms, tonumber(lease_end))',
    ],
    ['the dead are forgotten at once', "'-inf', now_ms - ttl_ms", "'-inf', now_ms"],
    ['two nodes sweep one', "redis.call('ZADD', KEYS[3], sweep_until, to_sweep)", ''],
    ['a sweep is not prolonged', "redis.call('ZADD', KEYS[3], 'XX', sweep_until, ARGV[6])", ''],
    ['a process that has taken the name is not named', 'if rival_end then', 'if false then'],
    [
      'earlier incarnations are not kept',
      "redis.call('ZADD', KEYS[1], 'XX', now_ms + lease_ms, ARGV[i])",
      '',
    ],
  ),
  ...mutations(
    'leases',
    'register-node-5',
    [
      'a node that was started anew has no grace',
      'mark_dead(holder, now_ms + tonumber(ARGV[5]))',
      'mark_dead(holder, now_ms)',
    ],
    ['two incarnations have one epoch', "math.max(now_ms, tonumber(last_epoch or '0') + 1)", 'now_ms'],
    ['a process buries its earlier incarnations', 'if process == ARGV[4] then', 'if false then'],
    [
      'a new epoch does not prolong the lease of the earlier one',
      "redis.call('ZADD', KEYS[1], lease_end_ms, holder)",
      '',
    ],
  ),
  ...mutations('leases', 'leave-registry-4', ['nobody hears of who leaves', 'registry_changed()', '']),
  ...mutations('leases', 'include/registry', [
    'nobody sweeps the dead',
    "redis.call('ZADD', KEYS[3], from, holder)",
    '',
  ]),
  ...mutations(
    'seats',
    'take-seat-1',
    ['seats of one device are rivals', " and string.match(taken, '^[^.]+') ~= own_device", ''],
    ['one seat too many on a platform', 'of_platform >= platform_max', 'of_platform > platform_max'],
    ['one seat too many', 'of_user >= user_max', 'of_user > user_max'],
    ['a seat counts in the second in which it ends', "'-inf', now_s)", "'-inf', now_s - 1)"],
    ['a seat that is taken again counts twice', 'elseif not (by == holder and taken == seat) then', 'else'],
    ['seats of the dead stay', "(ARGV[8] ~= '' and not has(ARGV[8], by))", 'false'],
  ),
  ...mutations(
    'seats',
    'keep-seats-n',
    ['a node keeps what it gave up', "redis.call('ZREM', key, member)", ''],
    ['what was asked for is kept for good', 'local seats = mark ==', "local seats = mark ~= ' ' or mark =="],
  ),
  ...mutations(
    'tokens',
    'kick-tokens-2',
    [
      'a login may not kick the token that it vouched for',
      'tonumber(vouched.number) <= tonumber(by)',
      'tonumber(vouched.number) < tonumber(by)',
    ],
    ['a kick cuts the lives of other tokens', 'left_s ~= -1 and left_s < life_s', 'true'],
    ['a later kick does not outrank', 'tonumber(kick.number) < tonumber(by) then', 'false then'],
  ),
  ...mutations(
    'tokens',
    'vouch-token-2',
    ['a login undoes its own kick', 'tonumber(by) >= login', 'tonumber(by) > login'],
    ['a kick that was undone is undone again', "redis.call('HDEL', KEYS[2], kick_field)", ''],
    ['an earlier login takes back a later one', 'tonumber(vouched) < login', 'true'],
  ),
  ...mutations('tokens', 'remember-token-2', [
    'a token that is issued anew has an old kick',
    "redis.call('HDEL', KEYS[2], 'k:' .. ARGV[2])",
    '',
  ]),
  ...mutations('reliance', 'check-tokens-n', [
    'reliance is recorded too late',
    'ends_s - now_s < enough_s',
    'ends_s - now_s < 0',
  ]),
  ...mutations('tokens', 'include/token-side', [
    'what stands beside tokens counts in the second in which it ends',
    'tonumber(ends) > now_s then',
    'tonumber(ends) >= now_s then',
  ]),
  ...mutations(
    'refreshes',
    'take-refresh-1',
    ['a refresh token is good twice', "redis.call('HDEL', KEYS[1], ARGV[1])", ''],
    [
      'a refresh token is good in the second in which it ends',
      'tonumber(ends_s) > now_s',
      'tonumber(ends_s) >= now_s',
    ],
  ),
]
