/** Shares of counted texts, with how far they can be trusted. */

export interface Interval {
  low: number;
  high: number;
}

const Z = 1.959964; // 95 %

/** Wilson's score interval for `hits` of `total` (Wilson 1927): sensible for small counts and near 0 and 1. */
export function wilson(hits: number, total: number): Interval {
  if (total === 0) return { low: 0, high: 1 };
  const p = hits / total;
  const zz = Z * Z;
  const centre = p + zz / (2 * total);
  const half = Z * Math.sqrt((p * (1 - p)) / total + zz / (4 * total * total));
  const scale = 1 + zz / total;
  return { low: Math.max(0, (centre - half) / scale), high: Math.min(1, (centre + half) / scale) };
}

/** Whether two shares differ by more than chance would have it (two-proportion z test at 95 %). */
export function differs(hitsA: number, totalA: number, hitsB: number, totalB: number): boolean {
  if (totalA === 0 || totalB === 0) return false;
  const pooled = (hitsA + hitsB) / (totalA + totalB);
  const error = Math.sqrt(pooled * (1 - pooled) * (1 / totalA + 1 / totalB));
  return error > 0 && Math.abs(hitsA / totalA - hitsB / totalB) / error > Z;
}

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
