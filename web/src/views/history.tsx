/** What was classified, searched and paged. */

import { useEffect, useState } from 'preact/hooks';
import { api, type HistorySearch } from '../api/client';
import { RecordRow } from '../panels/record_row';
import { csvOf, download } from '../spreadsheet';
import { goTo } from '../state/route';
import { labelsOf, useStatus } from '../state/status_context';
import { useQuery } from '../state/use_query';
import { Field, Select } from '../ui/field';
import { Panel } from '../ui/panel';
import { Empty, QueryView } from '../ui/query_view';
import { visibleString } from '../visible';

const PAGE_ITEMS = 25;

const FIELDS = ['q', 'label', 'stream', 'channel', 'from', 'to', 'min_score', 'max_score', 'corrected'] as const;
type Form = Record<(typeof FIELDS)[number], string>;

function formOf(parameters: URLSearchParams): Form {
  return Object.fromEntries(FIELDS.map((name) => [name, parameters.get(name) ?? ''])) as Form;
}

/** "2026-01-31T23:59" of a datetime-local field, in the browser's zone. */
function timeOf(value: string): number | undefined {
  const ms = value ? new Date(value).getTime() : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

function searchOf(form: Form): HistorySearch {
  const number = (value: string) => (value === '' ? undefined : Number(value));
  return {
    q: form.q || undefined,
    label: form.label || undefined,
    stream: form.stream || undefined,
    channel: form.channel || undefined,
    from: timeOf(form.from),
    to: timeOf(form.to),
    min_score: number(form.min_score),
    max_score: number(form.max_score),
    corrected: form.corrected === '' ? undefined : form.corrected === 'true',
  };
}

export function History({ parameters }: { parameters: URLSearchParams }) {
  const status = useStatus();
  const asked = formOf(parameters);
  const askedKey = parameters.toString();
  const [form, setForm] = useState(asked);
  const [cursors, setCursors] = useState<string[]>(['']); // of the pages up to the one shown
  useEffect(() => {
    setForm(formOf(parameters));
    setCursors(['']);
  }, [askedKey]);

  const cursor = cursors.at(-1) ?? '';
  const off = status?.history.state === 'off';
  const page = useQuery(off ? null : `history ${askedKey} ${cursor}`, (signal) =>
    api.history({ ...searchOf(asked), cursor: cursor || undefined, limit: PAGE_ITEMS }, signal),
  );

  const set = (name: keyof Form) => (value: string) => setForm((before) => ({ ...before, [name]: value }));
  const input = (name: keyof Form, title: string, more: Record<string, unknown> = {}) => (
    <Field title={title}>
      <input value={form[name]} onInput={(event) => set(name)(event.currentTarget.value)} {...more} />
    </Field>
  );
  const labelOptions = [...new Set([...labelsOf(status), 'uncertain', ...(form.label ? [form.label] : [])])];

  return (
    <div class="stack">
      <h1>History</h1>
      <Panel title="Search">
        <form
          class="search"
          role="search"
          onSubmit={(event) => {
            event.preventDefault();
            goTo('history', form);
          }}
        >
          <Field title="Words in the text" class="search-words">
            <input id="history-search" type="search" value={form.q} onInput={(event) => set('q')(event.currentTarget.value)} placeholder="battery delay*" />
          </Field>
          <Select
            title="Label"
            value={form.label}
            options={[{ value: '', title: 'Any' }, ...labelOptions.map((each) => ({ value: each, title: visibleString(each) }))]}
            onChange={set('label')}
          />
          {input('stream', 'Stream')}
          {input('channel', 'Channel')}
          {input('from', 'From', { type: 'datetime-local' })}
          {input('to', 'To', { type: 'datetime-local' })}
          {input('min_score', 'Score from', { type: 'number', min: 0, max: 1, step: 'any' })}
          {input('max_score', 'Score to', { type: 'number', min: 0, max: 1, step: 'any' })}
          <Select
            title="Corrected"
            value={form.corrected}
            options={[
              { value: '', title: 'Any' },
              { value: 'true', title: 'Yes' },
              { value: 'false', title: 'No' },
            ]}
            onChange={set('corrected')}
          />
          <div class="search-actions">
            <button type="submit" class="button button-primary">
              Search
            </button>
            <button type="button" class="button" onClick={() => goTo('history')}>
              Clear
            </button>
          </div>
        </form>
        {status && status.text_policy !== 'full' && <p class="soft hint">Words are found only in texts that were kept (--store-text full).</p>}
      </Panel>
      {off ? (
        <Empty>The history is off: the server was started without one.</Empty>
      ) : (
        <Panel
          title="Records"
          note="Newest first"
          actions={
            <button
              type="button"
              class="button"
              disabled={!page.data || page.data.items.length === 0}
              onClick={() => page.data && download('valence-history.csv', 'text/csv;charset=utf-8', csvOf(page.data.items))}
            >
              Download this page
            </button>
          }
        >
          <QueryView query={page} lines={8}>
            {(data) =>
              data.items.length === 0 ? (
                <Empty>Nothing matches.</Empty>
              ) : (
                <>
                  <ol class="records" aria-label="Records">
                    {data.items.map((record) => (
                      <RecordRow key={record.id} record={record} withDate />
                    ))}
                  </ol>
                  <div class="paging">
                    <button type="button" class="button" disabled={cursors.length === 1} onClick={() => setCursors(cursors.slice(0, -1))}>
                      Newer
                    </button>
                    <span class="soft" role="status">
                      Page {cursors.length}
                    </span>
                    <button type="button" class="button" disabled={!data.next} onClick={() => data.next && setCursors([...cursors, data.next])}>
                      Older
                    </button>
                  </div>
                </>
              )
            }
          </QueryView>
        </Panel>
      )}
    </div>
  );
}
