/** Every REST path, and the table of them for the documentation. */
import { OPENIM_PLATFORMS } from '../../../openim/platforms.js'
import { PlatformTable } from '../../../rules/platforms.js'
import type { Permission, Route } from '../route.js'
import { accountRoutes } from './account-routes.js'
import { authRoutes } from './auth-routes.js'
import { connectionRoutes } from './connection-routes.js'
import { conversationRoutes } from './conversation-routes.js'
import { friendRoutes } from './friend-routes.js'
import { groupRoutes } from './group-routes.js'
import { messageRoutes } from './message-routes.js'
import { userCommandRoutes } from './user-command-routes.js'
import { userRoutes } from './user-routes.js'

export function allRoutes(platforms: PlatformTable): Route[] {
  return [
    ...authRoutes(platforms),
    ...connectionRoutes(platforms),
    ...userRoutes(),
    ...accountRoutes(),
    ...userCommandRoutes(),
    ...messageRoutes(),
    ...conversationRoutes(),
    ...friendRoutes(),
    ...groupRoutes(),
  ]
}

const MAY: Record<Permission, string> = {
  secret: 'a server with AUTH_SECRET',
  anyone: 'anybody',
  token: 'any token',
  admin: "an administrator's token",
}

/** The paths as a Markdown table, in order. A field with a question mark need not be there. */
export function restTable(): string {
  const lines = allRoutes(new PlatformTable(OPENIM_PLATFORMS)).map(
    ({ path, may, mayNote, body, answers, doc }) => {
      const asked = Object.entries(body.shape).map(([name, type]) =>
        // Of zod's own types every one knows what may be left out.
        (type as { isOptional?(): boolean }).isOptional?.() ? `${name}?` : name,
      )
      return `| \`${path}\` | ${mayNote ?? MAY[may]} | ${listed(asked)} | ${listed(answers)} | ${doc} |`
    },
  )
  return [
    '| Path | Who may call | Body | `data` | What it does |',
    '| --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n')
}

function listed(fields: readonly string[]): string {
  return fields.length === 0 ? 'nothing' : fields.map((field) => `\`${field}\``).join(', ')
}
