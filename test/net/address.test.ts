import fc from 'fast-check'
import t from 'tap'
import { limitKeyOf, normalizeAddress, readAddress } from '../../src/net/address.js'
import { Networks, parseNetwork } from '../../src/net/networks.js'

t.test('an address has one spelling', async (t) => {
  t.equal(normalizeAddress('10.1.2.3'), '10.1.2.3')
  t.equal(normalizeAddress('::ffff:10.1.2.3'), '10.1.2.3')
  t.equal(normalizeAddress('0000:0000:0000:0000:0000:ffff:7f00:0001'), '127.0.0.1')
  t.equal(normalizeAddress('0000:0000:0000:0000:0000:0000:0000:0001'), '::1')
  t.equal(normalizeAddress('2001:DB8::A'), '2001:db8::a')
  t.equal(normalizeAddress('fe80::1%eth0'), 'fe80::1')
  t.equal(normalizeAddress(''), '')
})

t.test('an address is read with its port or without', async (t) => {
  const good: Record<string, string> = {
    '192.0.2.1': '192.0.2.1',
    '192.0.2.1:4711': '192.0.2.1',
    '2001:DB8::1': '2001:db8::1',
    '[2001:db8::1]': '2001:db8::1',
    '[2001:db8::1]:443': '2001:db8::1',
    '::ffff:192.0.2.1': '192.0.2.1',
    '[::ffff:192.0.2.1]:1': '192.0.2.1',
  }
  for (const [text, address] of Object.entries(good)) t.equal(readAddress(text), address, text)
  const bad = [
    '',
    'unknown',
    '_hidden',
    'example.org',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '010.1.1.1',
    '1.2.3.4:x',
  ]
  bad.push(
    '1.2.3.4:',
    '[1.2.3.4]',
    '[::1',
    '::1]',
    '[::1]x',
    '[[::1]]',
    '1.2.3.4 ',
    '0x7f.1',
    '2130706433',
    ':',
  )
  for (const text of bad) t.equal(readAddress(text), undefined, text)
})

t.test('limits count IPv4 by the address and IPv6 by its network', async (t) => {
  t.equal(limitKeyOf('192.0.2.1', 64), '192.0.2.1')
  t.equal(limitKeyOf('2001:db8:0:7::1', 64), '2001:db8:0:7::/64')
  t.equal(limitKeyOf('2001:db8:0:7:ffff:ffff:ffff:ffff', 64), '2001:db8:0:7::/64')
  t.equal(limitKeyOf('2001:db8:0:8::1', 64), '2001:db8:0:8::/64')
  t.equal(limitKeyOf('2001:db8:12ff::1', 40), '2001:db8:1200::/40')
  t.equal(limitKeyOf('2001:db8:1:2:3:4:5:6', 64), '2001:db8:1:2::/64')
  t.equal(limitKeyOf('2001:db8:1:2ff:3:4:5:6', 56), '2001:db8:1:200::/56')
  t.equal(limitKeyOf('2001:db8::1', 128), '2001:db8:0:0:0:0:0:1/128')
  t.equal(limitKeyOf('::1', 64), '0:0:0:0::/64')
  t.equal(limitKeyOf('::6a:5d3e:0:0:e:fd', 16), '0::/16')
  t.equal(limitKeyOf(normalizeAddress('::ffff:192.0.2.1'), 64), '192.0.2.1')
})

t.test('two IPv6 addresses share a key exactly when they share the prefix', (t) => {
  fc.assert(
    fc.property(fc.ipV6(), fc.ipV6(), fc.integer({ min: 16, max: 128 }), (one, other, prefix) => {
      const [a, b] = [normalizeAddress(one), normalizeAddress(other)]
      if (!a.includes(':') || !b.includes(':')) return
      const isIn = new Networks([`${a}/${prefix}`]).has(b)
      t.equal(limitKeyOf(a, prefix) === limitKeyOf(b, prefix), isIn, `${a} ${b} /${prefix}`)
    }),
  )
  t.end()
})

t.test('networks are read as they are usually written', async (t) => {
  t.same(parseNetwork('10.0.0.0/8'), ['10.0.0.0/8'])
  for (const word of ['constructor', '__proto__', 'toString']) t.equal(parseNetwork(word), undefined, word)
  t.same(parseNetwork('192.0.2.1'), ['192.0.2.1/32'])
  t.same(parseNetwork('2001:DB8::/32'), ['2001:db8::/32'])
  t.same(parseNetwork('::1'), ['::1/128'])
  t.same(parseNetwork('::ffff:10.0.0.0/104'), ['10.0.0.0/8'], 'IPv4 in IPv6 is IPv4')
  t.same(parseNetwork('Loopback'), ['127.0.0.0/8', '::1/128'])
  for (const text of [
    '',
    'x',
    '10.0.0.0/33',
    '10.0.0/8',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '::/129',
    '/8',
    'a/8',
  ]) {
    t.equal(parseNetwork(text), undefined, text)
  }
  for (const everyone of ['0.0.0.0/0', '::/0', '::ffff:0.0.0.0/96', '::ffff:0.0.0.0/90']) {
    t.equal(parseNetwork(everyone), undefined, `${everyone} trusts everyone`)
  }
})

t.test('networks hold their own addresses and no others', async (t) => {
  const blocks = ['10.1.2.3/8', '192.0.2.7/32', '2001:db8::/32', 'fc00::/7']
  const networks = new Networks(blocks)
  for (const address of ['10.255.0.1', '192.0.2.7', '2001:db8:ffff::1', 'fd12::1'])
    t.ok(networks.has(address), address)
  for (const address of ['11.0.0.1', '192.0.2.8', '2001:db9::1', 'fe80::1', '', 'unknown']) {
    t.notOk(networks.has(address), address)
  }
  t.notOk(new Networks([]).has('127.0.0.1'))
  t.ok(new Networks([]).isEmpty)
})
