/** Loads from the server, shows what was there while it loads again, and drops answers that come too late. */

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from '../api/client';
import { useRefreshToken } from './refresh';

export interface Query<T> {
  data: T | undefined;
  error: ApiError | undefined;
  loading: boolean;
  reload: () => void;
}

/**
 * `key` says what is asked: another key is another question, whose old answer is not shown. `refreshMs` 0: only on
 * demand. A hidden page does not ask.
 */
export function useQuery<T>(
  key: string | null,
  load: (signal: AbortSignal) => Promise<T>,
  refreshMs = 0,
  keepOldAnswer = false,
): Query<T> {
  const [answer, setAnswer] = useState<{ key: string; data: T }>();
  const [error, setError] = useState<ApiError>();
  const [loading, setLoading] = useState(false);
  const [round, setRound] = useState(0);
  const token = useRefreshToken();
  const latest = useRef(load);
  latest.current = load;

  useEffect(() => {
    if (key === null) return undefined;
    const abort = new AbortController();
    setLoading(true);
    latest
      .current(abort.signal)
      .then((data) => {
        if (abort.signal.aborted) return;
        setAnswer({ key, data });
        setError(undefined);
      })
      .catch((reason: unknown) => {
        if (abort.signal.aborted) return;
        setError(reason instanceof ApiError ? reason : new ApiError(0, String(reason)));
      })
      .finally(() => {
        if (!abort.signal.aborted) setLoading(false);
      });
    return () => abort.abort();
  }, [key, round, token]);

  const reload = useCallback(() => setRound((n) => n + 1), []);

  useEffect(() => {
    if (refreshMs === 0 || key === null) return undefined;
    const timer = window.setInterval(() => {
      if (!document.hidden) reload();
    }, refreshMs);
    return () => window.clearInterval(timer);
  }, [key, refreshMs, reload]);

  const data = answer && (answer.key === key || keepOldAnswer) ? answer.data : undefined;
  return { data, error: key === null ? undefined : error, loading, reload };
}
