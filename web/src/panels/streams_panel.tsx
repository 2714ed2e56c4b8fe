/** Where the texts come from, and how they differ. */

import type { Streams } from '../api/types';
import type { Query } from '../state/use_query';
import { labelColour } from '../chart/colours';
import { formatCount, formatPercent } from '../format';
import { sum, wilson } from '../share';
import { ShareBar } from '../ui/label';
import { Panel } from '../ui/panel';
import { Empty, QueryView } from '../ui/query_view';
import { visibleString } from '../visible';

export interface StreamsPanelProps {
  query: Query<Streams>;
  label: string;
  labels: string[];
  stream: string | undefined;
  channel: string | undefined;
  onChoose: (stream: string | undefined, channel: string | undefined) => void;
}

interface Row {
  stream: string;
  channel: string | undefined; // undefined: the whole stream
  hits: number;
  total: number;
}

function rowsOf(streams: Streams, label: string): Row[] {
  const place = streams.labels.indexOf(label);
  const row = (stream: string, channel: string | undefined, counts: number[]): Row => ({
    stream,
    channel,
    hits: counts[place] ?? 0,
    total: sum(counts),
  });
  return streams.streams.flatMap((each) => [
    row(each.stream, undefined, each.counts),
    ...(each.channels.length > 1 || each.channels.some((channel) => channel.channel !== '')
      ? each.channels.map((channel) => row(each.stream, channel.channel, channel.counts))
      : []),
  ]);
}

export function StreamsPanel({ query, label, labels, stream, channel, onChoose }: StreamsPanelProps) {
  return (
    <Panel
      title="Streams and channels"
      note={
        <>
          Share of <bdi>{visibleString(label)}</bdi>; choose one to look at it alone
        </>
      }
      actions={
        stream !== undefined && (
          <button type="button" class="button" onClick={() => onChoose(undefined, undefined)}>
            All streams
          </button>
        )
      }
    >
      <QueryView query={query}>
        {(streams) => {
          const rows = rowsOf(streams, label);
          if (rows.length === 0) return <Empty>No texts in this period.</Empty>;
          return (
            <div class="table-scroll" tabIndex={0} role="group" aria-label="Streams and channels">
              <table class="table table-bars">
                <caption class="visually-hidden">Texts by stream and channel</caption>
                <thead class="visually-hidden">
                  <tr>
                    <th scope="col">Stream or channel</th>
                    <th scope="col">Bar</th>
                    <th scope="col">Share</th>
                    <th scope="col">Texts</th>
                  </tr>
                </thead>
                <tbody>
                  {rows.map((row) => {
                    const name = row.channel === undefined ? row.stream : row.channel || 'no channel';
                    const chosen = row.stream === stream && row.channel === channel;
                    return (
                      <tr key={`${row.stream}\u0000${row.channel ?? '\u0001'}`} class={row.channel === undefined ? '' : 'row-channel'}>
                        <th scope="row">
                          <button
                            type="button"
                            class="link-button"
                            aria-pressed={chosen}
                            onClick={() => (chosen ? onChoose(undefined, undefined) : onChoose(row.stream, row.channel))}
                          >
                            <bdi>{visibleString(name)}</bdi>
                          </button>
                        </th>
                        <td class="bar-cell">
                          <ShareBar share={row.hits / (row.total || 1)} colour={labelColour(label, labels)} {...wilson(row.hits, row.total)} />
                        </td>
                        <td class="number">{formatPercent(row.hits / (row.total || 1))}</td>
                        <td class="number soft">{formatCount(row.total)}</td>
                      </tr>
                    );
                  })}
                </tbody>
              </table>
            </div>
          );
        }}
      </QueryView>
    </Panel>
  );
}
