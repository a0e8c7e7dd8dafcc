/** The checks of users' messages, as configured, on each thread that takes messages from sockets. */
import type { Config } from '../../config/config.js'
import { WatchedFiles } from '../../files/watched-files.js'
import { readWordList } from '../../files/word-list.js'
import type { MessageCheck } from '../../services/messages/checks/check.js'
import { WordFilter } from '../../services/messages/checks/word-filter.js'
import type { ThreadContext } from '../role.js'
import { threadName } from '../settings.js'

/** Undefined where no words are filtered. Throws BAD_SETTING where the file does not serve. */
export async function wordListOf(config: Config): Promise<WatchedFiles<string[]> | undefined> {
  const { wordFilterFile: path, servesMessages } = config
  if (path === '' || !servesMessages) return undefined
  return await WatchedFiles.open({
    paths: [path],
    read: () => readWordList('WORD_FILTER_FILE', path),
    keptText: 'The words that were read before stay in use.',
    notTakenText: 'The new words were not taken.',
  })
}

/** In the order in which they are made. Their files are read again when they have changed, until these are closed. */
export function messageChecks(
  context: ThreadContext,
  words: WatchedFiles<string[]> | undefined,
): MessageCheck[] {
  return words === undefined ? [] : [wordFilter(context, words)]
}

function wordFilter(context: ThreadContext, list: WatchedFiles<string[]>): MessageCheck {
  const { log, meter, settings } = context
  const thread = threadName(context)
  const filter = new WordFilter(settings.config.wordFilter, list.value)
  list.watch({
    apply: (words) => {
      filter.use(words)
      log.info({ words: words.length }, 'the word list was read again')
    },
    report: (reason) => log.warn({ reason }, 'cannot reload the word list'),
  })
  meter.metrics.onSnapshot((report) => {
    report.level('wordListStale', list.isStale ? 1 : 0, { thread })
  })
  return filter
}
