/** "Ask everything again": a new key, a connection that is back, the refresh button. */

import { useEffect, useState } from 'preact/hooks';

let token = 0;
const watchers = new Set<(token: number) => void>();

export function refreshAll(): void {
  token += 1;
  for (const watcher of watchers) watcher(token);
}

export function useRefreshToken(): number {
  const [seen, setSeen] = useState(token);
  useEffect(() => {
    watchers.add(setSeen);
    return () => {
      watchers.delete(setSeen);
    };
  }, []);
  return seen;
}
