/** Which words tell texts of one label from the others. */

import type { Words } from '../api/types';
import { formatCount } from '../format';
import { hrefOf } from '../state/route';
import type { Query } from '../state/use_query';
import { Panel } from '../ui/panel';
import { Empty, QueryView } from '../ui/query_view';
import { visibleString } from '../visible';

export interface WordsPanelProps {
  query: Query<Words>;
  label: string;
  stream: string | undefined;
}

export function WordsPanel({ query, label, stream }: WordsPanelProps) {
  const title = (
    <>
      More usual in <bdi>{visibleString(label)}</bdi> texts than in others
    </>
  );
  return (
    <Panel title="Words" note={title}>
      <QueryView query={query}>
        {(words) => {
          if (words.text_policy !== 'full') {
            return <Empty>Words need stored texts: start the server with --store-text full.</Empty>;
          }
          if (words.words.length === 0) return <Empty>No word stands out in this period.</Empty>;
          const top = words.words[0]?.z ?? 1;
          return (
            <>
              <ol class="words">
                {words.words.map((each) => (
                  <li key={each.word}>
                    <a href={hrefOf('history', { q: each.word, label, stream: stream ?? '' })}>
                      <bdi>{visibleString(each.word)}</bdi>
                    </a>
                    <span class="word-bar" aria-hidden="true">
                      <span style={{ width: `${((100 * each.z) / top).toFixed(1)}%` }} />
                    </span>
                    <span class="number soft">
                      {formatCount(each.records)}
                      <span class="visually-hidden"> texts with this label, {formatCount(each.other_records)} others</span>
                    </span>
                  </li>
                ))}
              </ol>
              {!words.complete && (
                <p class="soft hint">From the newest {formatCount(words.records + words.other_records)} texts of the period.</p>
              )}
            </>
          );
        }}
      </QueryView>
    </Panel>
  );
}
