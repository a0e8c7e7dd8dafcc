import t from 'tap'
import { RecentMap } from '../../src/rules/recent-map.js'

t.test('a full map forgets the entry that was set longest ago', async (t) => {
  const map = new RecentMap<string, number>(2)
  map.set('a', 1)
  map.set('b', 2)
  map.set('c', 3)
  t.same([map.get('a'), map.get('b'), map.get('c'), map.size], [undefined, 2, 3, 2])
})

t.test('an entry that is set again is the youngest; one that is only read is not', async (t) => {
  const map = new RecentMap<string, number>(2)
  map.set('a', 1)
  map.set('b', 2)
  map.set('a', 3)
  t.equal(map.get('b'), 2)
  map.set('c', 4)
  t.same([map.get('a'), map.get('b'), map.get('c')], [3, undefined, 4])
})

t.test('a deleted entry leaves room, and a cleared map is empty', async (t) => {
  const map = new RecentMap<string, number>(2)
  map.set('a', 1)
  map.set('b', 2)
  map.delete('b')
  map.set('c', 3)
  t.same([map.get('a'), map.get('b'), map.get('c')], [1, undefined, 3])
  map.clear()
  t.same([map.size, map.get('a')], [0, undefined])
})
