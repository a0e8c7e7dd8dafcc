/** Which of OpenIM's numbers this gateway sends, to which callers and why. A test compares the rows with the code. */
import type { CatalogueEntry, Retry } from '../errors/errors.js'
import { WireCode } from './codes.js'

const LOGIN = 'the client, at login; callers of REST'

export const catalogue: readonly CatalogueEntry[] = [
  entry(
    'ServerInternalError',
    'clients and callers of REST',
    'Something failed here; the log says what.',
    'later',
  ),
  entry(
    'ArgsError',
    'clients and callers of REST',
    'An argument is missing or malformed; errDlt names it.',
    'never',
  ),
  entry(
    'NoPermissionError',
    'callers of REST',
    'The secret is wrong, or the caller is no administrator.',
    'never',
  ),
  entry('RecordNotFoundError', 'callers of REST', 'No such path.', 'never'),
  entry(
    'UserIDNotFoundError',
    'callers of REST',
    'The user is not registered, and has to be for a token (USERS).',
    'later',
  ),
  entry(
    'RegisteredAlreadyError',
    'callers of REST',
    'A user is registered already; errDlt names them.',
    'never',
  ),
  entry('GroupIDNotFoundError', 'callers of REST', 'There is no such group, or nobody is in it.', 'never'),
  entry('GroupIDExisted', 'callers of REST', 'The ID of the group is taken.', 'never'),
  entry('NotInGroupYetError', 'senders', 'The sender is no member of the group.', 'never'),
  entry('DismissedAlreadyError', 'senders, callers of REST', 'The group was dismissed.', 'never'),
  entry(
    'GroupRequestHandled',
    'callers of REST',
    'The request to come into the group has been answered.',
    'never',
  ),
  entry('CanNotAddYourselfError', 'callers of REST', 'Users are no friends of their own.', 'never'),
  entry(
    'BlockedByPeer',
    'the client; callers of REST',
    'The receiver has blocked the sender of the message, or of the request for friendship.',
    'never',
  ),
  entry('RelationshipAlreadyError', 'callers of REST', 'The two are friends.', 'never'),
  entry('FriendRequestHandled', 'callers of REST', 'The request for friendship has been answered.', 'never'),
  entry('MutedInGroup', 'senders', 'The sender is muted in the group.', 'later'),
  entry('MutedGroup', 'senders', 'Only the owner and administrators of the group may speak.', 'later'),
  entry('MsgAlreadyRevoke', 'callers of REST', 'The message was revoked before.', 'never'),
  entry('TokenExpiredError', LOGIN, 'The token has expired.', 'with a new token'),
  entry(
    'TokenInvalidError',
    LOGIN,
    'The token lacks a claim, or is of another user or platform.',
    'with a new token',
  ),
  entry(
    'TokenMalformedError',
    LOGIN,
    'This is not a token, or a claim is of the wrong type.',
    'with a new token',
  ),
  entry('TokenNotValidYetError', LOGIN, 'The token is not valid yet (`nbf`).', 'later'),
  entry(
    'TokenUnknownError',
    LOGIN,
    'The signature does not match AUTH_ALGORITHM and its keys, or the token was withdrawn.',
    'with a new token',
  ),
  entry(
    'TokenKickedError',
    LOGIN,
    'Another login took the place of this one, or it was kicked by hand.',
    'with a new token',
  ),
  entry('TokenNotExistError', LOGIN, 'The token is not on record.', 'with a new token'),
  entry(
    'ConnOverMaxNumLimit',
    'the client, at login',
    'The connection limit of this node or of this address is reached, or logins are throttled; errDlt says which.',
    'later',
  ),
  entry(
    'ConnArgsErr',
    'the client, at login',
    'An argument of the connection is missing or malformed.',
    'never',
  ),
  entry(
    'TooManyRequests',
    'the client; callers of REST',
    'A rate limit of this connection, user or address is reached, or too many subscriptions wait for the store.',
    'later',
  ),
  entry(
    'TooManyWatches',
    'the client',
    'The watch limit of this connection or of this node is reached; errMsg says which.',
    'later',
  ),
  entry(
    'TooManyLogins',
    'the client, at login; callers of REST',
    'Too many logins, or wrong secrets; errDlt says when to retry.',
    'later',
  ),
  entry(
    'LoginConflict',
    'the client, at login',
    'LOGIN_CONFLICT is `refuse-new`, and another login of the user stays.',
    'later',
  ),
  entry(
    'TooManyConnectionsOfUser',
    'the client, at login',
    'The connection limit of this user is reached.',
    'later',
  ),
  entry(
    'CallbackError',
    'the client',
    'A check of messages said no: a word that is not allowed (WORD_FILTER).',
    'never',
  ),
  entry(
    'DatabaseError',
    'clients and callers of REST',
    'The store is out of reach, or cannot write.',
    'later',
  ),
  entry(
    'NetworkError',
    'callers of REST',
    'Not every node that holds the user has confirmed; `data` says what is known.',
    'later',
  ),
  entry('DataError', LOGIN, "The user's record in the store is damaged; the log names it.", 'never'),
]

function entry(name: keyof typeof WireCode, seenBy: string, meaning: string, retry: string): CatalogueEntry {
  return { code: WireCode[name], seenBy, meaning, retry }
}

const LATER: ReadonlySet<string | number> = new Set(
  catalogue.filter(({ retry }) => retry === 'later').map(({ code }) => code),
)

/** Whether the same call may succeed later. Without a number (0) nobody has said that it cannot. */
export function retryOf(errCode: number): Retry {
  return errCode === WireCode.Success || LATER.has(errCode) ? 'later' : 'never'
}
