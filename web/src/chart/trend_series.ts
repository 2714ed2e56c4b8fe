/** What /v1/trend says, as lines over time. */

import type { Trend } from '../api/types';
import { wilson } from '../share';
import { visibleIndices } from './decimate';

/** One column of each bucket that has texts; times in seconds, as the chart has them. */
export interface TrendColumns {
  labels: string[];
  times: Float64Array;
  totals: Float64Array;
  counts: Float64Array[]; // [labels][times]
}

/** The series of all streams together. */
export function columnsOf(trend: Trend): TrendColumns {
  const series = trend.series[0];
  const times = Float64Array.from(series?.times_ms ?? [], (ms) => ms / 1000);
  const counts = trend.labels.map((_, label) => Float64Array.from(series?.counts[label] ?? []));
  const totals = new Float64Array(times.length);
  for (const column of counts) {
    for (let i = 0; i < totals.length; ++i) totals[i] = (totals[i] as number) + (column[i] as number);
  }
  return { labels: trend.labels, times, totals, counts };
}

/** Rows of uPlot: x, then the lines. */
export type Rows = (number[] | Float64Array)[];

/** Share of `label` with its 95 % interval, and how many texts: [x, share, low, high, texts], for `columns` pixels. */
export function shareRows(trend: TrendColumns, label: string, columns: number): Rows {
  const place = trend.labels.indexOf(label);
  const hits = place < 0 ? new Float64Array(trend.times.length) : (trend.counts[place] as Float64Array);
  const n = trend.times.length;
  const share = new Float64Array(n);
  for (let i = 0; i < n; ++i) share[i] = (hits[i] as number) / (trend.totals[i] as number);
  const kept = visibleIndices(trend.times, share, columns);
  const rows = Array.from({ length: 5 }, () => new Float64Array(kept.length));
  const [x, y, low, high, texts] = rows as [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array];
  kept.forEach((i, k) => {
    const interval = wilson(hits[i] as number, trend.totals[i] as number);
    x[k] = trend.times[i] as number;
    y[k] = share[i] as number;
    low[k] = interval.low;
    high[k] = interval.high;
    texts[k] = trend.totals[i] as number;
  });
  return rows;
}

/** Share of each label: [x, share of labels[0], …]. */
export function allShareRows(trend: TrendColumns, columns: number): Rows {
  const n = trend.times.length;
  const kept = visibleIndices(trend.times, trend.counts[0] ?? new Float64Array(n), columns);
  const at = (values: Float64Array) => Float64Array.from(kept, (i) => values[i] as number);
  const totals = at(trend.totals);
  return [at(trend.times), ...trend.counts.map((counts) => at(counts).map((count, k) => count / (totals[k] as number)))];
}

/** [x, texts]. */
export function volumeRows(trend: TrendColumns, columns: number): Rows {
  const kept = visibleIndices(trend.times, trend.totals, columns);
  const at = (values: Float64Array) => Float64Array.from(kept, (i) => values[i] as number);
  return [at(trend.times), at(trend.totals)];
}
