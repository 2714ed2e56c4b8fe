/** One connection to /v1/events for the whole page, kept alive: heartbeat watched, back-off with jitter. */

import { fetchHere, problemOf, requestHeaders } from './client';
import { EventParser, type ServerEvent } from './event_parser';
import type { Alert, HistoryRecord, Stats } from './types';

export type LiveState =
  | { kind: 'connecting' }
  | { kind: 'open' }
  | { kind: 'waiting'; retryAtMs: number; why: string }
  | { kind: 'refused'; why: string };

export interface LiveListener {
  record?: (record: HistoryRecord) => void;
  stats?: (stats: Stats) => void;
  alert?: (alert: Alert) => void;
  gap?: (missed: number | null) => void;
  state?: (state: LiveState) => void;
}

const SILENCE_MS = 40_000; // the server says something every 15 s
const MAX_DELAY_MS = 30_000;

/** Before the attempt after `failures` in a row: doubling, up to half of it random so that pages do not come all at once. */
export function backOffMs(failures: number, firstMs: number, random: number): number {
  const whole = Math.min(MAX_DELAY_MS, firstMs * 2 ** Math.max(0, failures - 1));
  return whole * (0.5 + 0.5 * random);
}

export class Live {
  private listeners = new Set<LiveListener>();
  private current: LiveState = { kind: 'connecting' };
  private abort: AbortController | undefined;
  private timer = 0;
  private watchdog = 0;
  private lastId = '';
  private failures = 0;
  private firstDelayMs = 1000;

  get state(): LiveState {
    return this.current;
  }

  listen(listener: LiveListener): () => void {
    this.listeners.add(listener);
    listener.state?.(this.current);
    return () => this.listeners.delete(listener);
  }

  /** Connects at once, whatever went on before. */
  connect(): void {
    window.clearTimeout(this.timer);
    this.abort?.abort();
    void this.run();
  }

  private set(state: LiveState): void {
    this.current = state;
    for (const listener of this.listeners) listener.state?.(state);
  }

  private async run(): Promise<void> {
    const abort = new AbortController();
    this.abort = abort;
    this.set({ kind: 'connecting' });
    let why = 'The connection ended';
    try {
      await this.read(abort);
    } catch (error) {
      if (abort !== this.abort) return; // replaced by a newer one
      if (error instanceof Refused) return this.set({ kind: 'refused', why: error.message });
      if (!(error instanceof DOMException)) why = error instanceof Error ? error.message : why;
    } finally {
      window.clearTimeout(this.watchdog);
    }
    if (abort !== this.abort) return;
    this.failures += 1;
    const delayMs = backOffMs(this.failures, this.firstDelayMs, Math.random());
    this.set({ kind: 'waiting', retryAtMs: Date.now() + delayMs, why });
    this.timer = window.setTimeout(() => void this.run(), delayMs);
  }

  private async read(abort: AbortController): Promise<void> {
    const headers: Record<string, string> = { Accept: 'text/event-stream' };
    if (this.lastId) headers['Last-Event-ID'] = this.lastId;
    const response = await fetchHere('/v1/events', { headers: requestHeaders(headers), signal: abort.signal });
    if (!response.ok) {
      const problem = await problemOf(response);
      if ([401, 403, 404].includes(response.status)) throw new Refused(problem.message);
      throw problem;
    }
    if (!response.body) return;
    this.set({ kind: 'open' });
    const parser = new EventParser((event) => this.dispatch(event));
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      window.clearTimeout(this.watchdog);
      this.watchdog = window.setTimeout(() => abort.abort(), SILENCE_MS);
      const { done, value } = await reader.read();
      if (done) return;
      this.failures = 0;
      parser.push(decoder.decode(value, { stream: true }));
      if (parser.retryMs !== undefined) this.firstDelayMs = Math.min(MAX_DELAY_MS, Math.max(250, parser.retryMs));
    }
  }

  private dispatch(event: ServerEvent): void {
    if (event.id) this.lastId = event.id;
    let data: unknown;
    try {
      data = JSON.parse(event.data);
    } catch {
      return;
    }
    for (const listener of this.listeners) {
      if (event.type === 'record') listener.record?.(data as HistoryRecord);
      else if (event.type === 'stats') listener.stats?.(data as Stats);
      else if (event.type === 'alert') listener.alert?.(data as Alert);
      else if (event.type === 'gap') listener.gap?.((data as { missed: number | null }).missed);
    }
  }
}

/** Another attempt would be answered in the same way. */
class Refused extends Error {}

export const live = new Live();
