/** Many points on few pixels: of each pixel column the first, lowest, highest and last point are what can be seen. */

/**
 * The indices to draw, ascending. `xs` ascend; `ys` decide what is lowest and highest; NaN points end a line and are
 * kept one a column. Not more than `columns` * 4 + 4 indices for any number of points.
 */
export function visibleIndices(xs: Float64Array, ys: Float64Array, columns: number): Uint32Array {
  const n = xs.length;
  if (n <= columns * 4) return Uint32Array.from({ length: n }, (_, i) => i);
  const begin = xs[0] as number;
  const width = ((xs[n - 1] as number) - begin) / columns || 1;
  const kept = new Uint32Array(columns * 4 + 4);
  let count = 0;
  let i = 0;
  while (i < n) {
    const column = Math.floor(((xs[i] as number) - begin) / width);
    const first = i;
    let low = i;
    let high = i;
    for (; i < n && Math.floor(((xs[i] as number) - begin) / width) === column; ++i) {
      const y = ys[i] as number;
      if (y < (ys[low] as number) || Number.isNaN(ys[low])) low = i;
      if (y > (ys[high] as number) || Number.isNaN(ys[high])) high = i;
    }
    const last = i - 1;
    const early = Math.min(low, high);
    const late = Math.max(low, high);
    kept[count++] = first;
    if (early > first && early < last) kept[count++] = early;
    if (late > early && late > first && late < last) kept[count++] = late;
    if (last > first) kept[count++] = last;
  }
  return kept.slice(0, count);
}
