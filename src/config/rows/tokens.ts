/** Who signs and checks tokens, and for how long they are good. */
import { checkUserId } from '../../rules/user-id.js'
import { choice, int, list, path, signingSecret } from '../kinds.js'

export const tokensSettings = {
  authSecret: signingSecret({
    env: 'AUTH_SECRET',
    defaultDoc: 'in development mode a random one',
    doc:
      'Signs and checks tokens; the same on every node. Development mode needs no secret: HOST is a loopback ' +
      'address, no Redis is set, and NODE_ENV is not `production`.',
  }),
  adminUserIds: list({
    env: 'ADMIN_USER_IDS',
    default: 'imAdmin',
    accepts: (id) => checkUserId(id) === undefined,
    expected: 'user IDs with commas between, without `:`, `{` and `}`',
    doc: 'Users who may ask for admin tokens.',
  }),
  tokenExpireDays: int({
    env: 'TOKEN_EXPIRE_DAYS',
    default: 90,
    min: 1,
    max: 3650,
    doc: 'How long a new token is good for.',
  }),
  adminTokenExpireMin: int({
    env: 'ADMIN_TOKEN_EXPIRE_MIN',
    default: 1_440,
    min: 1,
    max: 525_600,
    doc:
      "How many minutes an administrator's token is good for. A service that asks for one within the first hundredth of that " +
      'gets the same.',
  }),
  maxTokensPerPlatform: int({
    env: 'MAX_TOKENS_PER_PLATFORM',
    default: 30,
    min: 1,
    max: 1000,
    doc: 'Tokens of one user on one platform that stay good where the policy lets several; the oldest are kicked.',
  }),
  accessTokenExpireMin: int({
    env: 'ACCESS_TOKEN_EXPIRE_MIN',
    default: 60,
    min: 1,
    max: 1_440,
    doc: 'How many minutes a token is good for where refresh tokens are on; takes the place of TOKEN_EXPIRE_DAYS.',
  }),
  refreshTokenExpireDays: int({
    env: 'REFRESH_TOKEN_EXPIRE_DAYS',
    default: 0,
    min: 0,
    max: 3650,
    doc: 'How long a refresh token is good for; 0 = there are none.',
  }),
  authAlgorithm: choice({
    env: 'AUTH_ALGORITHM',
    default: 'HS256',
    choices: ['HS256', 'RS256', 'ES256'],
    doc: 'The one algorithm that tokens are signed with. RS256 and ES256 need AUTH_PUBLIC_KEYS.',
  }),
  authPublicKeys: path({
    env: 'AUTH_PUBLIC_KEYS',
    defaultDoc: 'none',
    doc:
      'File with the public key (PEM) or keys (JWKS, chosen by `kid`) of RS256 and ES256. Read again when it ' +
      'changes, so that keys can be rotated.',
  }),
  authPrivateKey: path({
    env: 'AUTH_PRIVATE_KEY',
    defaultDoc: 'none: tokens are made elsewhere',
    doc: 'File with the private key (PEM, or a JWK with its `kid`) that this node signs RS256 or ES256 tokens with.',
  }),
  authWhenStoreDown: choice({
    env: 'AUTH_WHEN_STORE_DOWN',
    default: 'deny',
    choices: ['deny', 'allow'],
    doc:
      'Logins while the store is out of reach. `deny`: only tokens that this node checked within TOKEN_CACHE_S. ' +
      '`allow`: every token with a good signature, unless this node knows that it was kicked; checked when the store is back.',
  }),
  tokenCacheS: int({
    env: 'TOKEN_CACHE_S',
    default: 60,
    min: 0,
    max: 3600,
    doc:
      'How long a token that was checked is accepted without asking the store. Kicks through any node end it at ' +
      "once; OpenIM's own services cannot say so: with OPENIM_COMPAT on, every login asks.",
  }),
  tokenCacheMax: int({
    env: 'TOKEN_CACHE_MAX',
    default: 100_000,
    min: 1,
    max: 10_000_000,
    doc: 'Tokens that one thread remembers as checked.',
  }),
}
