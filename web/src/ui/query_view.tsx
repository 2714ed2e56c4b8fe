/** Loading, failed, empty, or there. */

import type { ComponentChildren } from 'preact';
import type { ApiError } from '../api/client';
import type { Query } from '../state/use_query';
import { visibleString } from '../visible';

export function Empty({ children }: { children: ComponentChildren }) {
  return <div class="empty">{children}</div>;
}

export function Failed({ error, retry }: { error: ApiError; retry?: () => void }) {
  return (
    <div class="failed" role="alert">
      <p>
        <strong>{visibleString(error.message)}</strong>
        {error.hint && <span>: {visibleString(error.hint)}</span>}
      </p>
      {error.requestId && <p class="soft">Request {visibleString(error.requestId)}</p>}
      {retry && (
        <button type="button" class="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Loading({ lines = 3 }: { lines?: number }) {
  return (
    <div class="loading" aria-busy="true">
      <span class="visually-hidden">Loading</span>
      {Array.from({ length: lines }, (_, i) => (
        <div class="skeleton" key={i} />
      ))}
    </div>
  );
}

/** An old answer stays while a new one is asked for, or could not be had: then the error stands above it. */
export function QueryView<T>({
  query,
  lines,
  children,
}: {
  query: Query<T>;
  lines?: number;
  children: (data: T) => ComponentChildren;
}) {
  if (query.data === undefined) {
    if (query.error) return <Failed error={query.error} retry={query.reload} />;
    return <Loading {...(lines ? { lines } : {})} />;
  }
  return (
    <>
      {query.error && <Failed error={query.error} retry={query.reload} />}
      {children(query.data)}
    </>
  );
}
