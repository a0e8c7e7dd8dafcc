/** The settings for the documentation. */
import type { Setting } from './kinds.js'
import { settingGroups } from './settings.js'

/** A heading and a Markdown table for each group of settings. `level`: of the headings. */
export function settingsTables(level: string): string {
  return settingGroups.map(({ title, rows }) => `${level} ${title}\n\n${tableOf(rows)}`).join('\n\n')
}

function tableOf(rows: Readonly<Record<string, Setting<unknown>>>): string {
  const lines = Object.values(rows).map((row) => {
    const byDefault = row.defaultDoc ?? (row.default === undefined ? 'none' : `\`${row.default}\``)
    const orFile = row.secret ? ` Or \`${row.env}_FILE\`: a file with it.` : ''
    return `| \`${row.env}\` | ${byDefault} | ${row.doc}${orFile} Expected: ${row.expected}. |`
  })
  return ['| Variable | Default | Meaning |', '| --- | --- | --- |', ...lines].join('\n')
}
