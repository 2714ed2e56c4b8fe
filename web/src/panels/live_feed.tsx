/** What is classified right now. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { api } from '../api/client';
import type { HistoryRecord } from '../api/types';
import { formatWhole } from '../format';
import { announce } from '../state/announce';
import { useRefreshToken } from '../state/refresh';
import { useShortcuts } from '../state/shortcuts';
import { useLive, useLiveState } from '../state/use_live';
import { Empty } from '../ui/query_view';
import { Panel } from '../ui/panel';
import { visibleString } from '../visible';
import { RecordRow } from './record_row';

const SHOWN = 50;
const SHOWN_AT_FIRST = 20;
const PAINT_MS = 250; // many records a second are painted together
const ANNOUNCE_MS = 15_000;

export interface LiveFeedProps {
  stream: string | undefined;
  channel: string | undefined;
  label: string;
}

export function LiveFeed({ stream, channel, label }: LiveFeedProps) {
  const [shown, setShown] = useState<HistoryRecord[]>([]);
  const [paused, setPaused] = useState(false);
  const [waiting, setWaiting] = useState(0);
  const [missed, setMissed] = useState(0);
  const arrived = useRef<HistoryRecord[]>([]);
  const since = useRef({ texts: 0, watched: 0 });
  const state = useLiveState();
  const token = useRefreshToken();

  useLive({
    record: (record) => {
      if (stream !== undefined && record.stream !== stream) return;
      if (channel !== undefined && record.channel !== channel) return;
      since.current.texts += 1;
      if (record.label === label) since.current.watched += 1;
      arrived.current.push(record);
      if (arrived.current.length > SHOWN) arrived.current.shift();
    },
    stats: (stats) => setMissed((n) => n + stats.skipped),
    gap: (count) => setMissed((n) => n + (count ?? 0)),
  });

  useEffect(() => {
    const timer = window.setInterval(() => {
      if (arrived.current.length === 0) return;
      if (paused) return setWaiting(arrived.current.length);
      const fresh = arrived.current.splice(0).reverse();
      setWaiting(0);
      setShown((before) => {
        const known = new Set(fresh.map((record) => record.id));
        return [...fresh, ...before.filter((record) => !known.has(record.id))].slice(0, SHOWN);
      });
    }, PAINT_MS);
    return () => window.clearInterval(timer);
  }, [paused]);

  useEffect(() => {
    const timer = window.setInterval(() => {
      const { texts, watched } = since.current;
      since.current = { texts: 0, watched: 0 };
      if (texts > 0) announce(`${formatWhole(texts)} new texts, ${formatWhole(watched)} ${visibleString(label)}`);
    }, ANNOUNCE_MS);
    return () => window.clearInterval(timer);
  }, [label]);

  // What came before the page did, so that a quiet server does not look like an empty one.
  useEffect(() => {
    const abort = new AbortController();
    setShown([]);
    api
      .history({ stream, channel, limit: SHOWN_AT_FIRST }, abort.signal)
      .then(({ items }) =>
        setShown((before) => {
          const known = new Set(before.map((record) => record.id));
          return [...before, ...items.filter((record) => !known.has(record.id))].slice(0, SHOWN);
        }),
      )
      .catch(() => {}); // no history, or it is away: other parts say so
    return () => abort.abort();
  }, [stream, channel, token]);

  const toggle = () => setPaused((now) => !now);
  useShortcuts({ p: toggle });

  return (
    <Panel
      title="Live"
      class="panel-live"
      note={missed > 0 ? `${formatWhole(missed)} more than are shown here; all are counted` : 'As they are classified'}
      actions={
        <button type="button" class="button" aria-pressed={paused} onClick={toggle}>
          {paused ? `Go on${waiting > 0 ? ` (${waiting === SHOWN ? `${SHOWN}+` : waiting})` : ''}` : 'Pause'}
        </button>
      }
    >
      {shown.length === 0 ? (
        <Empty>
          {state.kind === 'open' ? 'Nothing yet. Texts appear here as applications send them.' : 'Not connected.'}
        </Empty>
      ) : (
        <ol class="records records-live" aria-label="Latest texts" tabIndex={0}>
          {shown.map((record) => (
            <RecordRow key={record.id} record={record} />
          ))}
        </ol>
      )}
    </Panel>
  );
}
