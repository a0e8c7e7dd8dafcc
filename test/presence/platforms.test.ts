import t from 'tap'
import { OPENIM_PLATFORMS } from '../../src/openim/platforms.js'
import { PlatformTable, parsePlatforms } from '../../src/rules/platforms.js'

t.test("OpenIM's eleven platforms have their names and classes", async (t) => {
  const table = new PlatformTable(OPENIM_PLATFORMS)
  t.equal(OPENIM_PLATFORMS.length, 11)
  t.same([table.nameOf(1), table.classOf(1)], ['IOS', 'Mobile'])
  t.same([table.nameOf(7), table.classOf(7)], ['Linux', 'PC'])
  t.same([table.nameOf(11), table.classOf(11)], ['HarmonyOS', 'HarmonyOS'])
  for (let id = 1; id <= 11; id++) t.ok(table.isKnown(id))
})

t.test('an unknown platform has neither name nor class', async (t) => {
  const table = new PlatformTable(OPENIM_PLATFORMS)
  for (const id of [0, -1, 12, 1.5, Number.NaN]) {
    t.notOk(table.isKnown(id))
    t.equal(table.nameOf(id), undefined)
    t.equal(table.classOf(id), undefined)
  }
})

t.test('more platforms come from a setting', async (t) => {
  const table = new PlatformTable(OPENIM_PLATFORMS, parsePlatforms('12:Vision:Headset, 13:Car:Car'))
  t.same([table.nameOf(12), table.classOf(12), table.classOf(13)], ['Vision', 'Headset', 'Car'])
  t.equal(table.all().length, 13)
  t.same(parsePlatforms(''), [])
})

t.test('a setting of another form is refused by the entry that is wrong', async (t) => {
  for (const entry of [
    '12',
    '12:Vision',
    'x:Vision:Headset',
    '12::Headset',
    '12:Vi sion:Headset',
    '12:a:b:c',
  ]) {
    t.throws(() => parsePlatforms(`13:Car:Car,${entry}`), { message: new RegExp(`"${entry}"`) })
  }
  t.throws(() => parsePlatforms('0:Zero:Zero'), { message: /between 1 and/ })
})

t.test("one of OpenIM's platforms can be put in another class", async (t) => {
  const table = new PlatformTable(OPENIM_PLATFORMS, parsePlatforms('8:APad:Mobile,12:Vision:Pad'))
  t.same(
    [8, 9, 12].map((id) => table.classOf(id)),
    ['Mobile', 'Pad', 'Pad'],
  )
  t.equal(table.all().length, 12)
  t.throws(() => new PlatformTable(OPENIM_PLATFORMS, parsePlatforms('8:APad:Mobile,8:APad:Pad')), {
    message: /id 8/,
  })
})

t.test('an id or a name that is there already is refused', async (t) => {
  t.throws(() => new PlatformTable(OPENIM_PLATFORMS, parsePlatforms('5:Other:Other')), { message: /id 5/ })
  t.throws(() => new PlatformTable(OPENIM_PLATFORMS, parsePlatforms('12:Web:Other')), { message: /name Web/ })
  t.throws(() => new PlatformTable(OPENIM_PLATFORMS, parsePlatforms('12:A:A,12:B:B')), { message: /id 12/ })
})
