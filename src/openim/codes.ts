/** OpenIM's error numbers, by name, with their texts. Which of them this gateway sends: `catalogue.ts`. */

/**
 * Codes by name. Those up to 1604, 1701 and up are OpenIM's. After 1501 to 1507 clients stop or log in again; after the
 * others they reconnect. 1610 to 1614 are Porchlight's own, in a range that OpenIM leaves free.
 */
export const WireCode = {
  Success: 0,
  ServerInternalError: 500,
  ArgsError: 1001,
  NoPermissionError: 1002,
  DuplicateKeyError: 1003,
  RecordNotFoundError: 1004,
  UserIDNotFoundError: 1101,
  RegisteredAlreadyError: 1102,
  GroupIDNotFoundError: 1201,
  GroupIDExisted: 1202,
  NotInGroupYetError: 1203,
  DismissedAlreadyError: 1204,
  GroupTypeNotSupport: 1205,
  GroupRequestHandled: 1206,
  CanNotAddYourselfError: 1301,
  BlockedByPeer: 1302,
  NotPeersFriend: 1303,
  RelationshipAlreadyError: 1304,
  FriendRequestHandled: 1305,
  MessageHasReadDisable: 1401,
  MutedInGroup: 1402,
  MutedGroup: 1403,
  MsgAlreadyRevoke: 1404,
  TokenExpiredError: 1501,
  TokenInvalidError: 1502,
  TokenMalformedError: 1503,
  TokenNotValidYetError: 1504,
  TokenUnknownError: 1505,
  TokenKickedError: 1506,
  TokenNotExistError: 1507,
  OrgUserNoPermissionError: 1520,
  ConnOverMaxNumLimit: 1601,
  ConnArgsErr: 1602,
  PushMsgErr: 1603,
  IOSBackgroundPushErr: 1604,
  /** This connection asks faster than it may. */
  TooManyRequests: 1610,
  /** This connection watches as many users as it may. */
  TooManyWatches: 1611,
  /** This user, or this address, logs in too often. */
  TooManyLogins: 1612,
  /** Another login of this user stays, and does not go together with this one. */
  LoginConflict: 1613,
  /** The connection limit of this user is reached. */
  TooManyConnectionsOfUser: 1614,
  FileUploadedExpiredError: 1701,
  CallbackError: 80000,
  DatabaseError: 90002,
  NetworkError: 90004,
  DataError: 90007,
} as const

export type WireCode = (typeof WireCode)[keyof typeof WireCode]

/** Where OpenIM's text is not simply the name. */
const TEXTS: ReadonlyMap<number, string> = new Map<number, string>([
  [WireCode.Success, ''],
  [WireCode.GroupTypeNotSupport, ''],
  [WireCode.ConnArgsErr, 'args err, need token, sendID, platformID'],
  [WireCode.PushMsgErr, 'push msg err'],
  [WireCode.IOSBackgroundPushErr, 'ios background push err'],
])

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(WireCode).map(([name, code]) => [code, name]),
)

/** The errMsg text of a code, for handshake errors and envelopes alike. */
export function wireErrorText(code: WireCode): string {
  return TEXTS.get(code) ?? NAMES.get(code) ?? ''
}

/** How a text ends that tells a client when to try again. */
export function retryAfter(waitMs: number): string {
  return `retry after ${Math.ceil(waitMs / 1_000)} s`
}

/** Whether a client's token is what was refused. OpenIM's clients then ask for another one, and do not retry. */
export function isTokenRefused(errCode: number): boolean {
  return errCode >= WireCode.TokenExpiredError && errCode <= WireCode.TokenNotExistError
}
