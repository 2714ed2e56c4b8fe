/** What comes over /v1/events, for components. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { live, type LiveListener, type LiveState } from '../api/live';
import type { Stats } from '../api/types';

export function useLive(listener: LiveListener): void {
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(
    () =>
      live.listen({
        record: (record) => latest.current.record?.(record),
        stats: (stats) => latest.current.stats?.(stats),
        alert: (alert) => latest.current.alert?.(alert),
        gap: (missed) => latest.current.gap?.(missed),
        state: (state) => latest.current.state?.(state),
      }),
    [],
  );
}

export function useLiveState(): LiveState {
  const [state, setState] = useState<LiveState>(live.state);
  useLive({ state: setState });
  return state;
}

/** The last `seconds` of figures, oldest first. */
export function useStats(seconds: number): Stats[] {
  const [stats, setStats] = useState<Stats[]>([]);
  useLive({ stats: (next) => setStats((before) => [...before.slice(-(seconds - 1)), next]) });
  return stats;
}
