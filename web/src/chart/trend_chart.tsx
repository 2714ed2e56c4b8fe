/** Labels over time on a canvas: drag to zoom, the table beside it for those who do not see it. */

import uPlot from 'uplot';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Bucket } from '../api/types';
import { formatBucket, formatCount, formatPercent, formatPercentWhole } from '../format';
import type { Range } from '../period';
import { onColoursChanged } from '../state/theme';
import { visibleString } from '../visible';
import { colour, labelColour, withAlpha, type ColourName } from './colours';
import { allShareRows, shareRows, volumeRows, type Rows, type TrendColumns } from './trend_series';

export type TrendMode = 'share' | 'labels' | 'texts';

export interface TrendChartProps {
  trend: TrendColumns;
  bucket: Bucket;
  range: Range;
  mode: TrendMode;
  label: string;
  labels: string[];
  onZoom: (range: Range) => void;
}

const HEIGHT = 300;
const DAY_S = 86_400;

/** Strokes that tell lines apart without colour. */
const DASHES = [[], [6, 4], [2, 3], [10, 4, 2, 4], [12, 4], [4, 2], [1, 2], [8, 2, 2, 2]];

const inUtc = (bucket: Bucket): boolean => bucket !== 'minute' && bucket !== 'hour';

function tickText(seconds: number, increment: number, bucket: Bucket, isFirst: boolean): string {
  const zone = inUtc(bucket) ? { timeZone: 'UTC' } : {};
  const text = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(undefined, { ...options, ...zone }).format(seconds * 1000);
  if (increment >= 28 * DAY_S) return text({ month: 'short', year: 'numeric' });
  const day = text({ day: 'numeric', month: 'short' });
  if (increment >= DAY_S) return day;
  const clock = text({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  return isFirst || clock === '00:00' ? `${clock}\n${day}` : clock;
}

function linesOf({ mode, label, labels, trend }: TrendChartProps): { series: uPlot.Series[]; bands: uPlot.Band[] } {
  const ink = (name: ColourName) => colour(name);
  if (mode === 'labels') {
    const series = trend.labels.map((each, i): uPlot.Series => {
      const stroke = ink(`label-${labelColour(each, labels)}`);
      return { scale: 'share', stroke, width: 2, dash: DASHES[i % DASHES.length] as number[], points: { show: false } };
    });
    return { series, bands: [] };
  }
  if (mode === 'texts') {
    const stroke = ink('accent');
    return { series: [{ scale: 'texts', stroke, width: 1.5, fill: withAlpha(stroke, 0.18), points: { show: false } }], bands: [] };
  }
  const stroke = ink(`label-${labelColour(label, labels)}`);
  const edge: uPlot.Series = { scale: 'share', stroke: withAlpha(stroke, 0), width: 0, points: { show: false } };
  const volume = withAlpha(ink('ink-soft'), 0.22);
  return {
    series: [
      { scale: 'share', stroke, width: 2, points: { show: trend.times.length <= 40, size: 5, fill: stroke } },
      edge,
      edge,
      { scale: 'texts', stroke: volume, fill: volume, width: 0, points: { show: false }, paths: uPlot.paths.bars?.({ size: [0.8, 40] }) as uPlot.Series.PathBuilder },
    ],
    bands: [{ series: [3, 2], fill: withAlpha(stroke, 0.16) }],
  };
}

function rowsOf({ mode, label, trend }: TrendChartProps, columns: number): Rows {
  if (mode === 'labels') return allShareRows(trend, columns);
  return mode === 'texts' ? volumeRows(trend, columns) : shareRows(trend, label, columns);
}

function optionsOf(props: TrendChartProps, width: number, events: uPlot.Hooks.Arrays): uPlot.Options {
  const { mode, bucket } = props;
  const { series, bands } = linesOf(props);
  const grid = { stroke: colour('line'), width: 1 };
  const ticks = { show: false };
  const font = `12px ${getComputedStyle(document.body).fontFamily}`;
  const stroke = colour('ink-soft');
  const onTexts: uPlot.Axis = {
    scale: 'texts', stroke, font, grid: mode === 'texts' ? grid : { show: false }, ticks, size: 48,
    side: mode === 'texts' ? 3 : 1,
    values: (_, splits) => splits.map((value) => (Number.isInteger(value) ? formatCount(value) : '')),
    // Bars stay in the lowest third (see the scale): ticks above them would say nothing.
    ...(mode === 'share' ? { filter: (_: uPlot, splits: number[]) => splits.map((v, i) => (i <= splits.length / 3 ? v : null)) } : {}),
  };
  const onShare: uPlot.Axis = {
    scale: 'share', stroke, font, grid, ticks, size: 48,
    values: (_, splits) => splits.map((value) => formatPercentWhole(value)),
  };
  const onTime: uPlot.Axis = {
    stroke, font, grid: { show: false }, ticks, size: 44, space: 72,
    values: (_, splits, __, ___, increment) => splits.map((value, i) => tickText(value, increment, bucket, i === 0)),
  };
  return {
    width,
    height: HEIGHT,
    tzDate: (seconds) => (inUtc(bucket) ? uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC') : new Date(seconds * 1000)),
    legend: { show: false },
    padding: [12, 8, 0, 0],
    cursor: { drag: { x: true, y: false, setScale: false, dist: 6 }, points: { size: 8 }, y: false },
    select: { show: true, left: 0, top: 0, width: 0, height: 0 },
    scales: {
      x: { time: true },
      share: { range: (_, __, high) => [0, Math.min(1, Math.max(0.1, (high ?? 0.1) * 1.15))] },
      texts: { range: (_, __, high) => [0, Math.max(1, high ?? 1) * (mode === 'share' ? 4 : 1.1)] },
    },
    axes: mode === 'texts' ? [onTime, onTexts] : mode === 'labels' ? [onTime, onShare] : [onTime, onShare, onTexts],
    series: [{}, ...series],
    bands,
    hooks: events,
  };
}

export function TrendChart(props: TrendChartProps) {
  const { trend, bucket, range, mode, label, labels, onZoom } = props;
  const host = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | undefined>(undefined);
  const rows = useRef<Rows>([]);
  const zoom = useRef(onZoom);
  zoom.current = onZoom;
  const [cursor, setCursor] = useState<number | null>(null);
  const [paint, setPaint] = useState(0);
  const [width, setWidth] = useState(0);

  useEffect(() => onColoursChanged(() => setPaint((n) => n + 1)), []);
  useEffect(() => {
    const element = host.current as HTMLDivElement;
    const observer = new ResizeObserver(() => setWidth(Math.floor(element.clientWidth)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    if (width === 0) return undefined;
    const begin = performance.now();
    rows.current = rowsOf(props, width * Math.min(2, window.devicePixelRatio));
    let drawn = false;
    const plot = new uPlot(
      optionsOf(props, width, {
        draw: [
          () => {
            if (!drawn) performance.measure('trend-draw', { start: begin, end: performance.now(), detail: trend.times.length });
            drawn = true;
          },
        ],
        setCursor: [(u) => setCursor(u.cursor.idx ?? null)],
        setSelect: [
          (u) => {
            if (u.select.width < 6) return;
            const at = (pixel: number) => Math.round(u.posToVal(pixel, 'x') * 1000);
            zoom.current({ fromMs: at(u.select.left), toMs: at(u.select.left + u.select.width) });
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          },
        ],
      }),
      rows.current as uPlot.AlignedData,
      host.current as HTMLDivElement,
    );
    plot.setScale('x', { min: range.fromMs / 1000, max: range.toMs / 1000 });
    chart.current = plot;
    return () => plot.destroy();
  }, [trend, mode, label, bucket, range.fromMs, range.toMs, width, paint]);

  const description = useMemo(() => describe(props), [trend, mode, label]);
  const shown = mode === 'labels' ? trend.labels : mode === 'share' ? [label] : [];
  return (
    <div class="trend-chart">
      <div class="legend">
        {shown.map((each, i) => (
          <span class="legend-item" key={each}>
            <svg width="26" height="10" aria-hidden="true">
              {mode === 'share' && <rect class={`band label-colour-${labelColour(each, labels)}`} width="26" height="10" rx="2" />}
              <line
                class={`stroke-colour-${labelColour(each, labels)}`}
                x1="0" y1="5" x2="26" y2="5" stroke-width="2.5"
                stroke-dasharray={mode === 'labels' ? (DASHES[i % DASHES.length] as number[]).join(' ') : ''}
              />
            </svg>
            <bdi>{visibleString(each)}</bdi>
            {mode === 'share' && <span class="soft">, 95 % band</span>}
          </span>
        ))}
        {mode !== 'labels' && (
          <span class="legend-item">
            <svg width="14" height="10" aria-hidden="true">
              <rect class={mode === 'share' ? 'fill-soft' : 'fill-accent'} width="14" height="10" rx="2" />
            </svg>
            texts
          </span>
        )}
        <span class="legend-readout">{readout(props, rows.current, cursor)}</span>
      </div>
      <div class="chart-host" ref={host} role="img" aria-label={description} />
    </div>
  );
}

function readout({ mode, bucket, trend }: TrendChartProps, rows: Rows, index: number | null): string {
  const x = index === null ? undefined : rows[0]?.[index];
  if (index === null || x === undefined) return '';
  const at = (row: number) => rows[row]?.[index] ?? 0;
  const when = formatBucket(bucket, x * 1000);
  if (mode === 'texts') return `${when}: ${formatCount(at(1))} texts`;
  if (mode === 'labels') {
    return `${when}: ${trend.labels.map((each, i) => `${visibleString(each)} ${formatPercent(at(i + 1))}`).join(', ')}`;
  }
  return `${when}: ${formatPercent(at(1))} (${formatPercent(at(2))} to ${formatPercent(at(3))}), ${formatCount(at(4))} texts`;
}

function describe({ trend, label, mode, bucket }: TrendChartProps): string {
  const n = trend.times.length;
  if (n === 0) return 'Chart without points';
  const from = formatBucket(bucket, (trend.times[0] as number) * 1000);
  const to = formatBucket(bucket, (trend.times[n - 1] as number) * 1000);
  const what = mode === 'texts' ? 'Number of texts' : mode === 'labels' ? 'Share of each label' : `Share of ${visibleString(label)}`;
  return `${what} by ${bucket}, ${n} points from ${from} to ${to}. The same figures are in the table below.`;
}
