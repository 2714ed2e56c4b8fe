/** The routes of this server as its OpenAPI document tells them, each to be tried. */

import { useState } from 'preact/hooks';
import { api, ApiError, fetchHere, requestHeaders } from '../api/client';
import { operationsOf, requestPath, type Operation } from '../api/open_api';
import { formatMs } from '../format';
import { useQuery } from '../state/use_query';
import { Field } from '../ui/field';
import { Panel } from '../ui/panel';
import { Empty, Failed, QueryView } from '../ui/query_view';
import { Visible, visibleString } from '../visible';

export function ApiExplorer() {
  const document = useQuery('openapi', (signal) => api.openApi(signal));
  return (
    <div class="stack">
      <h1>API</h1>
      <Panel
        title="Routes"
        note={
          <>
            From <a href="/openapi.json">openapi.json</a>. “Send” sends a real request to this server, with your key if you gave one.
          </>
        }
      >
        <QueryView query={document} lines={6}>
          {(data) => {
            const operations = operationsOf(data);
            if (operations.length === 0) return <Empty>The document lists no routes.</Empty>;
            return (
              <div>
                {operations.map((operation) => (
                  <OperationForm key={`${operation.method} ${operation.path}`} operation={operation} />
                ))}
              </div>
            );
          }}
        </QueryView>
      </Panel>
    </div>
  );
}

interface Answer {
  status: number;
  ms: number;
  type: string;
  body: string;
}

const MAX_SHOWN_CHARS = 100_000;
const MAX_WAIT_MS = 30_000;

/** The begin of the answer: one that does not end (events) is shown as far as it came within a moment. */
async function readSome(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (!reader) return '';
  const decoder = new TextDecoder();
  const endless = (response.headers.get('Content-Type') ?? '').startsWith('text/event-stream');
  const timer = endless ? window.setTimeout(() => void reader.cancel(), 2500) : 0;
  let text = '';
  try {
    while (text.length < MAX_SHOWN_CHARS) {
      const { done, value } = await reader.read();
      if (done) return text;
      text += decoder.decode(value, { stream: true });
    }
    void reader.cancel();
    return `${text.slice(0, MAX_SHOWN_CHARS)}…`;
  } finally {
    window.clearTimeout(timer);
  }
}

function pretty(type: string, body: string): string {
  if (!type.startsWith('application/json')) return body;
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

function OperationForm({ operation }: { operation: Operation }) {
  const [values, setValues] = useState<Record<string, string>>(Object.fromEntries(operation.parameters.map((each) => [each.name, each.example])));
  const [body, setBody] = useState(operation.body?.example ?? '');
  const [answer, setAnswer] = useState<Answer>();
  const [error, setError] = useState<ApiError>();
  const [sending, setSending] = useState(false);

  const send = async () => {
    setSending(true);
    setError(undefined);
    const begin = performance.now();
    try {
      const init: RequestInit = {
        method: operation.method,
        headers: requestHeaders(operation.body ? { 'Content-Type': operation.body.type } : {}),
        signal: AbortSignal.timeout(MAX_WAIT_MS),
      };
      if (operation.body) init.body = body;
      const response = await fetchHere(requestPath(operation, values), init);
      const ms = performance.now() - begin;
      const type = response.headers.get('Content-Type') ?? '';
      setAnswer({ status: response.status, ms, type, body: pretty(type, await readSome(response)) });
    } catch (reason) {
      setError(reason instanceof ApiError ? reason : new ApiError(0, `No answer within ${MAX_WAIT_MS / 1000} s`));
    }
    setSending(false);
  };

  return (
    <details class="operation">
      <summary>
        <code class="method">{visibleString(operation.method)}</code> <code>{visibleString(operation.path)}</code>{' '}
        <span class="soft">{visibleString(operation.summary)}</span>
      </summary>
      <form
        class="operation-body"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        {operation.parameters.length > 0 && (
          <div class="search">
            {operation.parameters.map((each) => (
              <Field key={each.name} title={visibleString(each.name)}>
                <input
                  type="text"
                  required={each.required}
                  title={visibleString(each.description)}
                  value={values[each.name] ?? ''}
                  onInput={(event) => setValues({ ...values, [each.name]: event.currentTarget.value })}
                />
              </Field>
            ))}
          </div>
        )}
        {operation.body && (
          <Field title={`Body, ${visibleString(operation.body.type)}`}>
            <textarea rows={6} spellcheck={false} value={body} onInput={(event) => setBody(event.currentTarget.value)} />
          </Field>
        )}
        <div>
          <button type="submit" class="button button-primary" disabled={sending}>
            Send
          </button>
        </div>
        {error && <Failed error={error} />}
        {answer && (
          <div aria-live="polite">
            <p class="hint">
              <strong>{answer.status}</strong> <span class="soft">{visibleString(answer.type)} · {formatMs(answer.ms)}</span>
            </p>
            <pre class="code" tabIndex={0}>
              <Visible text={answer.body} />
            </pre>
          </div>
        )}
      </form>
    </details>
  );
}
