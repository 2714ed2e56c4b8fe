/** How the texts of the period fall on the labels. */

import type { Query } from '../state/use_query';
import { labelColour } from '../chart/colours';
import type { TrendColumns } from '../chart/trend_series';
import { formatPercent, formatWhole } from '../format';
import { sum, wilson } from '../share';
import { LabelBadge, ShareBar } from '../ui/label';
import { Panel } from '../ui/panel';
import { Empty, QueryView } from '../ui/query_view';

export function Distribution({ query, labels }: { query: Query<TrendColumns>; labels: string[] }) {
  return (
    <Panel title="Labels" note="Share of the texts; the mark is the 95 % interval">
      <QueryView query={query}>
        {(trend) => {
          const counts = trend.labels.map((label, i) => ({ label, texts: sum([...(trend.counts[i] ?? [])]) }));
          const total = sum(counts.map((each) => each.texts));
          if (total === 0) return <Empty>No texts in this period.</Empty>;
          return (
            <table class="table table-bars">
              <caption class="visually-hidden">Texts by label</caption>
              <thead class="visually-hidden">
                <tr>
                  <th scope="col">Label</th>
                  <th scope="col">Bar</th>
                  <th scope="col">Share</th>
                  <th scope="col">Texts</th>
                </tr>
              </thead>
              <tbody>
                {counts.map(({ label, texts }) => {
                  const interval = wilson(texts, total);
                  return (
                    <tr key={label}>
                      <th scope="row">
                        <LabelBadge label={label} />
                      </th>
                      <td class="bar-cell">
                        <ShareBar share={texts / total} colour={labelColour(label, labels)} {...interval} />
                      </td>
                      <td class="number">{formatPercent(texts / total)}</td>
                      <td class="number soft">{formatWhole(texts)}</td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
          );
        }}
      </QueryView>
    </Panel>
  );
}
