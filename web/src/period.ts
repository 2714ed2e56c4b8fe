/** Which time the page looks at, and by what pieces. */

import type { Bucket } from './api/types';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

export const BUCKETS: Bucket[] = ['minute', 'hour', 'day', 'week', 'month'];

/** About; months differ. */
export const BUCKET_MS: Record<Bucket, number> = {
  minute: MINUTE_MS,
  hour: HOUR_MS,
  day: DAY_MS,
  week: 7 * DAY_MS,
  month: 30.4 * DAY_MS,
};

export const PRESETS = [
  { name: '1h', title: 'Last hour', ms: HOUR_MS },
  { name: '24h', title: 'Last 24 hours', ms: DAY_MS },
  { name: '7d', title: 'Last 7 days', ms: 7 * DAY_MS },
  { name: '30d', title: 'Last 30 days', ms: 30 * DAY_MS },
  { name: '90d', title: 'Last 90 days', ms: 90 * DAY_MS },
  { name: '12m', title: 'Last 12 months', ms: 365 * DAY_MS },
  { name: '24m', title: 'Last 24 months', ms: 730 * DAY_MS },
] as const;

export type PresetName = (typeof PRESETS)[number]['name'];

/** A preset moves with the clock; a range (from a zoom) stands still. */
export type Span = { preset: PresetName } | { fromMs: number; toMs: number };

export interface Range {
  fromMs: number;
  toMs: number;
}

export function rangeOf(span: Span, nowMs: number): Range {
  if ('fromMs' in span) return span;
  const preset = PRESETS.find((each) => each.name === span.preset) ?? PRESETS[1];
  // Whole minutes, so that the same question is not asked anew each millisecond.
  const toMs = Math.ceil((nowMs + 1) / MINUTE_MS) * MINUTE_MS;
  return { fromMs: toMs - preset.ms, toMs };
}

export function titleOf(span: Span): string {
  return 'preset' in span ? (PRESETS.find((each) => each.name === span.preset)?.title ?? '') : 'Chosen period';
}

/** The finest pieces of which no more than some hundreds are drawn: finer ones say little but noise. */
export function defaultBucket(range: Range): Bucket {
  const length = range.toMs - range.fromMs;
  if (length <= 6 * HOUR_MS) return 'minute';
  if (length <= 14 * DAY_MS) return 'hour';
  if (length <= 400 * DAY_MS) return 'day';
  return length <= 5 * 365 * DAY_MS ? 'week' : 'month';
}

/** The server's limit (docs/http-api.md, GET /v1/trend). */
export const MAX_BUCKETS = 200_000;

export function fits(bucket: Bucket, range: Range): boolean {
  return (range.toMs - range.fromMs) / BUCKET_MS[bucket] <= MAX_BUCKETS;
}
