/** Sentiment over time: minutes to months, zoomed by dragging or by buttons. */

import { useMemo, useState } from 'preact/hooks';
import type { Bucket } from '../api/types';
import type { Query } from '../state/use_query';
import { TrendChart, type TrendMode } from '../chart/trend_chart';
import type { TrendColumns } from '../chart/trend_series';
import { formatBucket, formatPercent, formatTime, formatWhole } from '../format';
import { BUCKETS, fits, MINUTE_MS, type Range, type Span } from '../period';
import { wilson } from '../share';
import { useShortcuts } from '../state/shortcuts';
import { Select } from '../ui/field';
import { Panel } from '../ui/panel';
import { Empty, QueryView } from '../ui/query_view';
import { visibleString } from '../visible';

export interface TrendPanelProps {
  query: Query<TrendColumns>;
  range: Range;
  bucket: Bucket;
  label: string;
  labels: string[];
  onSpan: (span: Span) => void;
  onBucket: (bucket: Bucket | undefined) => void;
  zoomed: boolean;
  onReset: () => void;
}

const MODES: { value: TrendMode; title: string }[] = [
  { value: 'share', title: 'One label' },
  { value: 'labels', title: 'Every label' },
  { value: 'texts', title: 'Texts' },
];

const MIN_RANGE_MS = 5 * MINUTE_MS;

/** `range` made `factor` as long around its middle, and moved by `shift` of its length. */
export function moved(range: Range, factor: number, shift: number): Range {
  const length = Math.max(MIN_RANGE_MS, (range.toMs - range.fromMs) * factor);
  const middle = (range.fromMs + range.toMs) / 2 + shift * (range.toMs - range.fromMs);
  return { fromMs: Math.round(middle - length / 2), toMs: Math.round(middle + length / 2) };
}

export function TrendPanel(props: TrendPanelProps) {
  const { query, range, bucket, label, labels, onSpan, onBucket, zoomed, onReset } = props;
  const [mode, setMode] = useState<TrendMode>('share');
  const zoom = (next: Range) => onSpan(next.toMs - next.fromMs < MIN_RANGE_MS ? moved(next, 1, 0) : next);
  const steps = {
    '−': { title: 'Zoom out', act: () => zoom(moved(range, 2, 0)) },
    '+': { title: 'Zoom in', act: () => zoom(moved(range, 0.5, 0)) },
    '←': { title: 'Earlier', act: () => zoom(moved(range, 1, -0.5)) },
    '→': { title: 'Later', act: () => zoom(moved(range, 1, 0.5)) },
  };
  useShortcuts({ '-': steps['−'].act, '+': steps['+'].act });
  return (
    <Panel
      title="Over time"
      class="panel-trend"
      note={`${formatTime(range.fromMs)} to ${formatTime(range.toMs)}`}
      actions={
        <>
          <Select title="Show" value={mode} options={MODES} onChange={(value) => setMode(value as TrendMode)} />
          <Select
            title="By"
            value={bucket}
            options={BUCKETS.filter((each) => fits(each, range)).map((each) => ({ value: each, title: each }))}
            onChange={(value) => onBucket(value as Bucket)}
          />
          <div
            class="button-group"
            role="toolbar"
            aria-label="Zoom"
            onKeyDown={(event) => {
              const step = { ArrowLeft: steps['←'], ArrowRight: steps['→'] }[event.key];
              if (!step) return;
              event.preventDefault();
              step.act();
            }}
          >
            {Object.entries(steps).map(([sign, step]) => (
              <button key={sign} type="button" class="button" aria-label={step.title} title={step.title} onClick={step.act}>
                {sign}
              </button>
            ))}
            <button type="button" class="button" disabled={!zoomed} onClick={onReset}>
              Reset
            </button>
          </div>
        </>
      }
    >
      <QueryView query={query} lines={7}>
        {(trend) =>
          trend.times.length === 0 ? (
            <Empty>No texts in this period.</Empty>
          ) : (
            <>
              <TrendChart trend={trend} bucket={bucket} range={range} mode={mode} label={label} labels={labels} onZoom={zoom} />
              <p class="soft hint">Drag across the chart to look closer.{bucket !== 'minute' && bucket !== 'hour' ? ' Days are UTC.' : ''}</p>
              <TrendTable trend={trend} bucket={bucket} label={label} />
            </>
          )
        }
      </QueryView>
    </Panel>
  );
}

const TABLE_ROWS = 100;

function TrendTable({ trend, bucket, label }: { trend: TrendColumns; bucket: Bucket; label: string }) {
  const [open, setOpen] = useState(false);
  const rows = useMemo(() => {
    if (!open) return [];
    const place = trend.labels.indexOf(label);
    const n = trend.times.length;
    return Array.from({ length: Math.min(n, TABLE_ROWS) }, (_, k) => {
      const i = n - 1 - k;
      const hits = place < 0 ? 0 : (trend.counts[place]?.[i] ?? 0);
      const total = trend.totals[i] ?? 0;
      return { time: (trend.times[i] ?? 0) * 1000, total, share: hits / total, interval: wilson(hits, total), counts: trend.counts.map((c) => c[i] ?? 0) };
    });
  }, [open, trend, label]);
  return (
    <details class="as-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>The same as a table</summary>
      <div class="table-scroll" tabIndex={0} role="group" aria-label="Table of the chart">
        <table class="table">
          <caption>
            {trend.times.length > TABLE_ROWS ? `The latest ${TABLE_ROWS} of ${formatWhole(trend.times.length)}` : `By ${bucket}`}, latest first
          </caption>
          <thead>
            <tr>
              <th scope="col">Begin</th>
              <th scope="col" class="number">Texts</th>
              {trend.labels.map((each) => (
                <th scope="col" class="number" key={each}>
                  <bdi>{visibleString(each)}</bdi>
                </th>
              ))}
              <th scope="col" class="number">
                Share of <bdi>{visibleString(label)}</bdi>
              </th>
              <th scope="col" class="number">95 % interval</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.time}>
                <th scope="row">{formatBucket(bucket, row.time)}</th>
                <td class="number">{formatWhole(row.total)}</td>
                {row.counts.map((count, i) => (
                  <td class="number" key={i}>
                    {formatWhole(count)}
                  </td>
                ))}
                <td class="number">{formatPercent(row.share)}</td>
                <td class="number">
                  {formatPercent(row.interval.low)} to {formatPercent(row.interval.high)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
