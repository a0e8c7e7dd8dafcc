/** OpenIM's numbers as its clients know them. Everything else names them, so that a slip would show only here. */
import t from 'tap'
import { CloseCode } from '../../src/openim/close-codes.js'
import { isTokenRefused, WireCode } from '../../src/openim/codes.js'
import { OPENIM_PLATFORMS, Platform } from '../../src/openim/platforms.js'
import { knownRequests, RequestId } from '../../src/openim/requests.js'

t.test('platforms have the numbers, names and classes of OpenIM', async (t) => {
  t.same(
    OPENIM_PLATFORMS.map((row) => `${row.id} ${row.name} ${row.class}`),
    [
      '1 IOS Mobile',
      '2 Android Mobile',
      '3 Windows PC',
      '4 OSX PC',
      '5 Web Web',
      '6 MiniWeb MiniWeb',
      '7 Linux PC',
      '8 APad Pad',
      '9 IPad Pad',
      '10 Admin Admin',
      '11 HarmonyOS HarmonyOS',
    ],
  )
  t.same(
    Object.entries(Platform),
    OPENIM_PLATFORMS.map(({ id, name }) => [name, id]),
  )
})

t.test('requests have the identifiers of OpenIM, and pushes and kicks are none', async (t) => {
  t.same(RequestId, {
    NewestSeq: 1001,
    PullBySeqRange: 1002,
    SendMessage: 1003,
    SendSignal: 1004,
    PullBySeqList: 1005,
    ConversationSeqs: 1006,
    LastMessages: 1007,
    Push: 2001,
    Kick: 2002,
    Logout: 2003,
    SetBackground: 2004,
    SubscribeStatus: 2005,
  })
  t.same([...knownRequests], [1001, 1002, 1003, 1004, 1005, 1006, 1007, 2003, 2004, 2005])
})

t.test(
  'errors that this gateway sends have the numbers of OpenIM, or those that it leaves free',
  async (t) => {
    t.match(WireCode, {
      Success: 0,
      ServerInternalError: 500,
      ArgsError: 1001,
      NoPermissionError: 1002,
      RecordNotFoundError: 1004,
      TokenExpiredError: 1501,
      TokenInvalidError: 1502,
      TokenMalformedError: 1503,
      TokenNotValidYetError: 1504,
      TokenUnknownError: 1505,
      TokenKickedError: 1506,
      TokenNotExistError: 1507,
      ConnOverMaxNumLimit: 1601,
      ConnArgsErr: 1602,
      TooManyRequests: 1610,
      TooManyWatches: 1611,
      TooManyLogins: 1612,
      LoginConflict: 1613,
      TooManyConnectionsOfUser: 1614,
      DatabaseError: 90_002,
      NetworkError: 90_004,
      DataError: 90_007,
    })
    t.same(Object.values(WireCode).filter(isTokenRefused), [1501, 1502, 1503, 1504, 1505, 1506, 1507])
  },
)

t.test('close codes are those of RFC 6455', async (t) => {
  t.same(CloseCode, {
    Normal: 1000,
    GoingAway: 1001,
    NoCode: 1005,
    NoCloseFrame: 1006,
    PolicyViolation: 1008,
    MessageTooLong: 1009,
    TryAgainLater: 1013,
  })
})
