/** The few figures that answer "how are they doing?". */

import type { ComponentChildren } from 'preact';
import type { TrendColumns } from '../chart/trend_series';
import { formatCount, formatMs, formatPercent, formatPoints, formatRate } from '../format';
import { differs, sum, wilson } from '../share';
import { useStats } from '../state/use_live';
import { useStatus } from '../state/status_context';
import { visibleString } from '../visible';

export interface Totals {
  hits: number;
  total: number;
}

export function totalsOf(trend: TrendColumns, label: string): Totals {
  const place = trend.labels.indexOf(label);
  return { hits: place < 0 ? 0 : sum([...(trend.counts[place] ?? [])]), total: sum([...trend.totals]) };
}

function Figure({ title, value, children }: { title: string; value: string; children?: ComponentChildren }) {
  return (
    <div class="figure">
      <dt>{title}</dt>
      <dd class="figure-value">{value}</dd>
      <dd class="figure-note">{children}</dd>
    </div>
  );
}

export interface FiguresProps {
  label: string;
  now: Totals | undefined;
  before: Totals | undefined;
}

export function Figures({ label, now, before }: FiguresProps) {
  const status = useStatus();
  const last = useStats(1)[0];
  const rate = last?.texts.per_second ?? status?.texts.per_second;
  const latency = last ? last.latency_ms : status?.latency_ms;
  const interval = now && wilson(now.hits, now.total);
  return (
    <dl class="figures">
      <Figure title={`Share of ${visibleString(label)}`} value={now && now.total > 0 ? formatPercent(now.hits / now.total) : '–'}>
        {now && interval && now.total > 0 && `${formatPercent(interval.low)} to ${formatPercent(interval.high)}`}
      </Figure>
      <Figure title="Against the period before" value={change(now, before)}>
        {now && before && before.total > 0 && now.total > 0 && (differs(now.hits, now.total, before.hits, before.total) ? 'points, more than chance' : 'points, within chance')}
      </Figure>
      <Figure title="Texts" value={now ? formatCount(now.total) : '–'}>
        {now && `${formatCount(now.hits)} ${visibleString(label)}`}
      </Figure>
      <Figure title="Now" value={rate === undefined ? '–' : formatRate(rate)}>
        texts a second
      </Figure>
      <Figure title="Latency, median" value={latency ? formatMs(latency.p50) : '–'}>
        {latency ? `99 % within ${formatMs(latency.p99)}` : 'no requests lately'}
      </Figure>
    </dl>
  );
}

function change(now: Totals | undefined, before: Totals | undefined): string {
  if (!now || !before || now.total === 0 || before.total === 0) return '–';
  return formatPoints(now.hits / now.total - before.hits / before.total);
}
