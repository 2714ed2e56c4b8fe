/** Whether what is on the page is still true: the connection, and the server's own troubles. */

import { useEffect, useRef } from 'preact/hooks';
import { live } from '../api/live';
import type { Status } from '../api/types';
import { announce } from '../state/announce';
import { refreshAll } from '../state/refresh';
import { useLiveState } from '../state/use_live';
import { useNow } from '../state/use_now';
import { visibleString } from '../visible';

export function ConnectionBanner({ status }: { status: Status | undefined }) {
  const state = useLiveState();
  const wasLost = useRef(false);
  const now = useNow(1000);

  useEffect(() => {
    if (state.kind === 'waiting' && !wasLost.current) {
      wasLost.current = true;
      announce('The connection to the server is lost');
    }
    if (state.kind === 'open' && wasLost.current) {
      wasLost.current = false;
      announce('Connected again');
      refreshAll();
    }
  }, [state.kind]);

  if (state.kind === 'waiting' || (state.kind === 'connecting' && wasLost.current)) {
    const seconds = state.kind === 'waiting' ? Math.max(0, Math.ceil((state.retryAtMs - now) / 1000)) : 0;
    return (
      <aside aria-label="State of the server" class="banner banner-bad">
        <span>
          Disconnected. What is shown may be old.{' '}
          {state.kind === 'waiting' ? `Trying again in ${seconds} s.` : 'Trying again…'}
        </span>
        <button type="button" class="button button-small" onClick={() => live.connect()}>
          Try now
        </button>
      </aside>
    );
  }
  if (state.kind === 'refused') {
    return (
      <aside aria-label="State of the server" class="banner banner-bad">
        <span>{visibleString(state.why)}.</span>
        <button type="button" class="button button-small" onClick={() => { refreshAll(); live.connect(); }}>
          Try again
        </button>
      </aside>
    );
  }
  if (status?.history.state === 'delayed') {
    return (
      <aside aria-label="State of the server" class="banner">
        <span>
          History delayed: texts are classified, and wait to be written. {visibleString(status.history.message ?? '')}
        </span>
      </aside>
    );
  }
  if (status?.draining) return <aside aria-label="State of the server" class="banner">The server is shutting down.</aside>;
  if (status && !status.ready) return <aside aria-label="State of the server" class="banner">The models are still loading.</aside>;
  return null;
}
