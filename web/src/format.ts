/** Figures and times as people read them, in the browser's language. */

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });
const one = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const percentOne = new Intl.NumberFormat(undefined, {
  style: 'percent',
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const percentWhole = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 0 });
const pointsOne = new Intl.NumberFormat(undefined, {
  signDisplay: 'exceptZero',
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});

export const formatCount = (n: number): string => (n < 100_000 ? whole.format(n) : compact.format(n));
export const formatWhole = (n: number): string => whole.format(n);
export const formatRate = (n: number): string => (n < 100 ? one.format(n) : whole.format(n));
export const formatPercent = (share: number): string => percentOne.format(share);
export const formatPercentWhole = (share: number): string => percentWhole.format(share);
/** A difference of two shares, in percentage points. */
export const formatPoints = (difference: number): string => pointsOne.format(difference * 100);
/** Three digits tell 0.999 from certainty. */
export const formatScore = (score: number): string => score.toFixed(3);

export function formatMs(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 10_000 ? `${whole.format(ms)} ms` : `${one.format(ms / 1000)} s`;
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) {
    bytes /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? whole.format(bytes) : one.format(bytes)} ${units[unit]}`;
}

const SPANS: [number, string][] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
];

/** "3 d 4 h", "12 min", "8 s": the two largest units. */
export function formatSpan(ms: number): string {
  for (const [i, [size, unit]] of SPANS.entries()) {
    if (ms < size && unit !== 's') continue;
    const count = Math.floor(ms / size);
    const next = SPANS[i + 1];
    const rest = next ? Math.floor((ms - count * size) / next[0]) : 0;
    return rest > 0 && next && unit !== 'min' ? `${count} ${unit} ${rest} ${next[1]}` : `${count} ${unit}`;
  }
  return '0 s';
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const dayAndClock = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
});
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' });

export const formatClock = (ms: number): string => clock.format(ms);
export const formatTime = (ms: number): string => dayAndClock.format(ms);
export const formatFullTime = (ms: number): string => full.format(ms);

/** The bucket that begins at `ms`. Days and longer are the server's, in UTC. */
export function formatBucket(bucket: 'minute' | 'hour' | 'day' | 'week' | 'month', ms: number): string {
  if (bucket === 'minute' || bucket === 'hour') return formatTime(ms);
  const options: Intl.DateTimeFormatOptions =
    bucket === 'month' ? { month: 'long', year: 'numeric' } : { day: 'numeric', month: 'short', year: 'numeric' };
  const text = new Intl.DateTimeFormat(undefined, { ...options, timeZone: 'UTC' }).format(ms);
  return bucket === 'week' ? `week of ${text}` : text;
}
