/** Requests to the server that sent this page: same origin, key in a header, errors as one type. */

import { currentKey } from './key';
import type {
  Alerts,
  Bucket,
  ClassifyReply,
  ClassifyRequest,
  FeedbackQueue,
  FeedbackReply,
  FeedbackRequest,
  HistoryPage,
  Problem,
  Silence,
  Status,
  Streams,
  Trend,
  Words,
} from './types';

export class ApiError extends Error {
  constructor(
    /** 0: no answer at all. */
    readonly status: number,
    message: string,
    readonly hint = '',
    readonly requestId = '',
    readonly retryAfterS = 0,
  ) {
    super(message);
  }
}

/** Called at every 401: the page asks for a key. */
let onUnauthorized: (message: string) => void = () => {};

export function setUnauthorizedHandler(handler: (message: string) => void): void {
  onUnauthorized = handler;
}

export type Parameters = Record<string, string | number | boolean | undefined>;

/** "?a=1&b=2" of what is defined; empty for none. */
export function queryString(parameters: Parameters): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) search.append(name, String(value));
  }
  const text = search.toString();
  return text && `?${text}`;
}

export function requestHeaders(more: Record<string, string> = {}): Headers {
  const headers = new Headers(more);
  const key = currentKey();
  if (key) headers.set('Authorization', `Bearer ${key}`);
  return headers;
}

export async function problemOf(response: Response): Promise<ApiError> {
  let problem: Partial<Problem> = {};
  try {
    problem = (await response.json()) as Partial<Problem>;
  } catch {
    // A proxy's page, or nothing: the status has to do.
  }
  const error = new ApiError(
    response.status,
    typeof problem.error === 'string' ? problem.error : `The server answered ${response.status}`,
    typeof problem.hint === 'string' ? problem.hint : '',
    typeof problem.request_id === 'string' ? problem.request_id : '',
    Number(response.headers.get('Retry-After')) || 0,
  );
  if (response.status === 401) onUnauthorized(error.message);
  return error;
}

/** Fetches from this origin; what fails on the way is an ApiError of status 0. */
export async function fetchHere(path: string, init: RequestInit): Promise<Response> {
  const key = currentKey();
  let response: Response;
  try {
    response = await fetch(path, { ...init, credentials: 'omit', cache: 'no-store', redirect: 'error' });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(0, 'The server does not answer');
  }
  // Another key has been given since: nobody needs to be asked for one.
  if (response.status === 401 && key !== currentKey()) throw new ApiError(401, 'The API key has changed meanwhile');
  return response;
}

async function send<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const init: RequestInit = { method, headers: requestHeaders() };
  if (body !== undefined) {
    init.headers = requestHeaders({ 'Content-Type': 'application/json' });
    init.body = JSON.stringify(body);
  }
  if (signal) init.signal = signal;
  const response = await fetchHere(path, init);
  if (!response.ok) throw await problemOf(response);
  if (response.status === 204) return undefined as T;
  try {
    return (await response.json()) as T;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(response.status, 'The answer is not JSON');
  }
}

const get = <T>(path: string, signal?: AbortSignal): Promise<T> => send<T>('GET', path, undefined, signal);

export interface Period {
  from?: number | undefined;
  to?: number | undefined;
}

export interface Place {
  stream?: string | undefined;
  channel?: string | undefined;
}

export interface HistorySearch extends Place {
  from?: number | undefined;
  to?: number | undefined;
  label?: string | undefined;
  q?: string | undefined;
  min_score?: number | undefined;
  max_score?: number | undefined;
  corrected?: boolean | undefined;
  cursor?: string | undefined;
  limit?: number | undefined;
}

export const api = {
  status: (signal?: AbortSignal) => get<Status>('/v1/status', signal),
  history: (search: HistorySearch, signal?: AbortSignal) =>
    get<HistoryPage>(`/v1/history${queryString({ ...search })}`, signal),
  trend: (asked: Period & Place & { bucket: Bucket }, signal?: AbortSignal) =>
    get<Trend>(`/v1/trend${queryString({ ...asked })}`, signal),
  streams: (period: Period, signal?: AbortSignal) => get<Streams>(`/v1/streams${queryString({ ...period })}`, signal),
  words: (asked: Period & Place & { label: string; limit?: number }, signal?: AbortSignal) =>
    get<Words>(`/v1/words${queryString({ ...asked })}`, signal),
  alerts: (signal?: AbortSignal) => get<Alerts>('/v1/alerts', signal),
  silences: (signal?: AbortSignal) => get<{ silences: Silence[] }>('/v1/silences', signal),
  silence: (silence: Partial<Silence>) => send<Silence>('POST', '/v1/silences', silence),
  unsilence: (id: string) => send<void>('DELETE', `/v1/silences/${encodeURIComponent(id)}`),
  feedback: (feedback: FeedbackRequest) => send<FeedbackReply>('POST', '/v1/feedback', feedback),
  feedbackQueue: (asked: { stream?: string | undefined; limit?: number }, signal?: AbortSignal) =>
    get<FeedbackQueue>(`/v1/feedback/queue${queryString({ ...asked })}`, signal),
  classify: (request: ClassifyRequest) => send<ClassifyReply>('POST', '/v1/classify', request),
  openApi: (signal?: AbortSignal) => get<unknown>('/openapi.json', signal),
};
