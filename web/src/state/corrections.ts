/** What this page has corrected since it was opened, so that every list shows it at once. */

import { useEffect, useState } from 'preact/hooks';

const byRecord = new Map<string, string>();
const watchers = new Set<() => void>();

export function noteCorrection(recordId: string, label: string): void {
  byRecord.set(recordId, label);
  for (const watcher of watchers) watcher();
}

/** The label that people gave `recordId` last, if they did. */
export function useCorrection(recordId: string, stored?: string): string | undefined {
  const [, repaint] = useState(0);
  useEffect(() => {
    const watcher = () => repaint((n) => n + 1);
    watchers.add(watcher);
    return () => {
      watchers.delete(watcher);
    };
  }, []);
  return byRecord.get(recordId) ?? stored;
}
