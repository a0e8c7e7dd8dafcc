/**
 * Every code of an error outside the runtime, for the documentation. OpenIM's numbers: `openim/catalogue.ts`.
 * A test compares the rows with the code in both directions.
 */
import type { CatalogueEntry } from './errors.js'

export const catalogue: readonly CatalogueEntry[] = [
  {
    code: 'STORE_UNAVAILABLE',
    seenBy: 'sync, shards',
    meaning: 'The store cannot be reached or did not answer in time.',
    retry: 'later',
  },
  {
    code: 'STORE_UNSUITABLE',
    seenBy: 'operators, at start',
    meaning: 'The store is reachable but cannot serve: too old, wrong mode, no rights.',
    retry: 'never',
  },
  {
    code: 'DATABASE_UNAVAILABLE',
    seenBy: 'clients and callers of REST, as error 90002',
    meaning: 'The database of messages cannot be reached, read or written; the log says why.',
    retry: 'later',
  },
  {
    code: 'DUPLICATE_KEY',
    seenBy: 'storage',
    meaning: 'Two operations made the same row; the second one is carried out again, and finds it.',
    retry: 'later',
  },
  {
    code: 'COMMIT_UNKNOWN',
    seenBy: 'storage; clients, as error 90002, when it cannot be looked up in time',
    meaning: 'The answer to a commit was lost. It is looked up, and done again where it was not done.',
    retry: 'later',
  },
  {
    code: 'DATABASE_CONFLICT',
    seenBy: 'clients and callers of REST, as error 90002',
    meaning: 'Rows that a message or call needs were locked by others for too long.',
    retry: 'later',
  },
  {
    code: 'ROW_REFUSED',
    seenBy: 'clients and callers of REST, as error 500',
    meaning:
      'The database takes a row for wrong, or for too large (`max_allowed_packet`); others are stored.',
    retry: 'never',
  },
  {
    code: 'SCHEMA_TOO_NEW',
    seenBy: 'operators, at start',
    meaning: 'The database was migrated by newer programs, and this one cannot serve it any more.',
    retry: 'never',
  },
  {
    code: 'SCHEMA_BUSY',
    seenBy: 'operators, as a line of the log',
    meaning: 'A migration waits for transactions that use its table; it tries again after a pause.',
    retry: 'later',
  },
  {
    code: 'SCHEMA_LEASE_LOST',
    seenBy: 'operators, as a line of the log',
    meaning: 'Another process has taken the migration over; this one waits for it.',
    retry: 'later',
  },
  {
    code: 'DAMAGED_RECORD',
    seenBy: 'clients and callers of REST, as error 90007',
    meaning:
      'What the store has of one user is of a wrong form; the log names the key. Nobody else is touched.',
    retry: 'never',
  },
  {
    code: 'BAD_ENVELOPE',
    seenBy: 'the client, as a closed connection',
    meaning: 'A frame is not the envelope that its connection agreed on.',
    retry: 'never',
  },
  {
    code: 'MESSAGE_TOO_LONG',
    seenBy: 'the client, as close code 1009',
    meaning: 'A message is longer than its bound, before or after gunzip.',
    retry: 'never',
  },
  {
    code: 'KICK_UNCONFIRMED',
    seenBy: 'callers of REST, as error 90004',
    meaning: 'A kick, or a list of connections: the store has not said in time which nodes hold the user.',
    retry: 'later',
  },
  {
    code: 'BAD_SETTING',
    seenBy: 'operators, before anything starts',
    meaning: 'A setting is missing, malformed or out of its range; the message names each.',
    retry: 'never',
  },
  {
    code: 'BINARY_MISMATCH',
    seenBy: 'operators, at start',
    meaning:
      "A native library's file has another SHA-256 than the one that was checked in; it was not loaded.",
    retry: 'never',
  },
  {
    code: 'CALL_REFUSED',
    seenBy: 'callers of REST, as the number in errCode',
    meaning: 'A call of REST was refused, or failed; the table of numbers says why.',
    retry: 'as its number',
  },
  {
    code: 'WRONG_SECRET',
    seenBy: "users of the small client's `Admin`",
    meaning: 'The gateway does not take AUTH_SECRET as given.',
    retry: 'never',
  },
  {
    code: 'GATEWAY_UNREACHABLE',
    seenBy: "users of the small client's `Admin`",
    meaning: 'No gateway answers at the address of REST.',
    retry: 'later',
  },
  {
    code: 'CONNECT_REFUSED',
    seenBy: 'users of the small client',
    meaning: 'The gateway, or what stands before it, did not take the connection; errCode says why.',
    retry: 'as its number',
  },
  {
    code: 'REQUEST_FAILED',
    seenBy: 'users of the small client',
    meaning: 'A reply did not come in time, said no, or the connection ended before it.',
    retry: 'later',
  },
]
