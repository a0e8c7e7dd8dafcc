import fc from 'fast-check'
import t from 'tap'
import { type AddressClaims, clientAddress, type ForwardedHeader } from '../../src/net/client-address.js'
import { Networks } from '../../src/net/networks.js'

const PROXY = '10.0.0.1'
const OUTER_PROXY = '10.0.0.2'
const CLIENT = '198.51.100.7'
const VICTIM = '203.0.113.9'
const trusted = new Networks(['10.0.0.0/8', 'fd00::/8'])

function seen(claims: Partial<AddressClaims>, peer = PROXY, header: ForwardedHeader = 'auto'): string {
  return clientAddress(
    peer,
    { proxyProtocol: '', xForwardedFor: '', forwarded: '', ...claims },
    trusted,
    header,
  )
}

t.test('what a stranger says of addresses counts for nothing', async (t) => {
  const claims = { proxyProtocol: VICTIM, xForwardedFor: VICTIM, forwarded: `for=${VICTIM}` }
  t.equal(seen(claims, CLIENT), CLIENT)
  t.equal(
    clientAddress(PROXY, claims, new Networks([]), 'auto'),
    PROXY,
    'without trusted proxies all are strangers',
  )
})

t.test('a trusted proxy names the client', async (t) => {
  t.equal(seen({}), PROXY, 'or nobody')
  t.equal(seen({ xForwardedFor: CLIENT }), CLIENT)
  t.equal(seen({ xForwardedFor: `${CLIENT}:4711` }), CLIENT)
  t.equal(seen({ xForwardedFor: '2001:DB8::1' }), '2001:db8::1')
  t.equal(seen({ xForwardedFor: `"[2001:db8::1]:80"` }), '2001:db8::1')
  t.equal(seen({ forwarded: `for=${CLIENT}` }), CLIENT)
  t.equal(seen({ forwarded: `proto=https;FOR="${CLIENT}:4711";by=_p` }), CLIENT)
  t.equal(seen({ forwarded: 'for="[2001:db8::1]:4711"' }), '2001:db8::1')
  t.equal(seen({ forwarded: 'for="[2001:db8::\\1]"' }), '2001:db8::1', 'with an escape that needs none')
  t.equal(seen({ proxyProtocol: CLIENT }), CLIENT)
  t.equal(seen({ xForwardedFor: CLIENT }, 'fd00::1'), CLIENT)
})

t.test('headers are read from the right, as far as the proxies are trusted', async (t) => {
  t.equal(seen({ xForwardedFor: `${VICTIM}, ${CLIENT}` }), CLIENT)
  t.equal(seen({ xForwardedFor: `${VICTIM}, ${CLIENT}, ${OUTER_PROXY}` }), CLIENT)
  t.equal(seen({ xForwardedFor: `${CLIENT},${OUTER_PROXY}, 10.0.0.3` }), CLIENT)
  t.equal(seen({ xForwardedFor: OUTER_PROXY }), OUTER_PROXY, 'a proxy that asks for itself')
  t.equal(seen({ forwarded: `for=${VICTIM}, for=${CLIENT};host="a,b", for=${OUTER_PROXY}` }), CLIENT)
  t.equal(
    seen({ proxyProtocol: OUTER_PROXY, xForwardedFor: CLIENT }),
    CLIENT,
    'through one that passes bytes on',
  )
  t.equal(
    seen({ proxyProtocol: CLIENT, xForwardedFor: VICTIM }),
    CLIENT,
    'the headers are the own of its client',
  )
})

t.test('an entry that names no address ends the walk at the last proxy that is known', async (t) => {
  for (const entry of ['unknown', '_hidden', '', 'a.example', '1.2.3', '"', '1.1.1.1 2.2.2.2', '<script>']) {
    t.equal(seen({ xForwardedFor: `${VICTIM}, ${entry}` }), PROXY, entry)
    t.equal(seen({ xForwardedFor: `${VICTIM}, ${entry}, ${OUTER_PROXY}` }), OUTER_PROXY, entry)
  }
  const flawed = [
    'for=unknown',
    'for=_x',
    'by=1.1.1.1',
    `for=${VICTIM};for=${VICTIM}`,
    'for',
    'for =1.1.1.1',
    ';',
  ]
  for (const entry of [...flawed, `for="${VICTIM}`, 'for="[::1"', `for="${VICTIM}"x`, `for='${VICTIM}'`]) {
    t.equal(seen({ forwarded: `for=${VICTIM}, ${entry}` }), PROXY, entry)
  }
  t.equal(seen({ forwarded: `for="${VICTIM}, for=${CLIENT}` }), PROXY, 'an open quote hides what follows')
  t.equal(
    seen({ forwarded: `for=;;x, for=${CLIENT}` }),
    CLIENT,
    'what is malformed before the client is its own',
  )
})

t.test('a header that the proxy does not write cannot be used against it', async (t) => {
  const both = { xForwardedFor: `${VICTIM}, ${CLIENT}`, forwarded: `for=${VICTIM}` }
  t.equal(seen(both), PROXY, 'two that differ: nobody but the proxy is known')
  t.equal(seen({ xForwardedFor: CLIENT, forwarded: `for=${CLIENT}` }), CLIENT, 'two that agree')
  t.equal(seen(both, PROXY, 'x-forwarded-for'), CLIENT)
  t.equal(seen(both, PROXY, 'forwarded'), VICTIM, 'as told')
  t.equal(seen({ xForwardedFor: VICTIM }, PROXY, 'forwarded'), PROXY)
  t.equal(seen(both, PROXY, 'none'), PROXY)
  t.equal(seen({ ...both, proxyProtocol: CLIENT }, PROXY, 'none'), CLIENT)
})

const address = fc.oneof(fc.ipV4(), fc.ipV6())
const anything = fc.oneof(address, fc.string(), fc.constantFrom('unknown', '"', '\\', ';', ',', '_x', 'for='))

t.test('whatever a client sends before the entry that its proxy adds, it is known by that entry', (t) => {
  fc.assert(
    fc.property(fc.array(anything), (lies) => {
      const list = [...lies, CLIENT]
      t.equal(seen({ xForwardedFor: list.join(',') }, PROXY, 'x-forwarded-for'), CLIENT, list.join())
      // With quotes in the lies, an honest entry may be taken for a part of them: then nobody is known, never another.
      const forwarded = [...lies, `for=${CLIENT}`].join(',')
      t.ok([CLIENT, PROXY].includes(seen({ forwarded }, PROXY, 'forwarded')), forwarded)
      t.ok([CLIENT, PROXY].includes(seen({ xForwardedFor: list.join(), forwarded: lies.join() })), 'auto')
    }),
  )
  t.end()
})

t.test('a long header costs no more than what a proxy vouches for', async (t) => {
  const many = Array.from({ length: 5_000 }, () => '::').join()
  const startMs = performance.now()
  for (let n = 0; n < 200; n++)
    seen({ xForwardedFor: `${many},${CLIENT}`, forwarded: `${'"'.repeat(9_000)},for=x` })
  // Reading each entry as an address would take some 20 s.
  t.ok(performance.now() - startMs < 10_000)
})
