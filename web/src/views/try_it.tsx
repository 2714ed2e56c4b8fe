/** Ask the model something, and see the request and the answer as a program would. */

import { useState } from 'preact/hooks';
import { api, ApiError } from '../api/client';
import type { ClassifyReply, ClassifyRequest, ClassifyResult } from '../api/types';
import { labelColour } from '../chart/colours';
import { formatMs, formatScore } from '../format';
import { useDialogs } from '../state/dialogs';
import { labelsOf, useStatus } from '../state/status_context';
import { Field, Select } from '../ui/field';
import { LabelBadge, ShareBar } from '../ui/label';
import { Panel } from '../ui/panel';
import { Empty, Failed } from '../ui/query_view';
import { Visible, visibleString } from '../visible';

const STREAM = 'try-it';

const KEPT = {
  full: 'Texts that are tried are kept in the history, as stream',
  hash: 'Of texts that are tried the answer and a hash are kept in the history, as stream',
  none: 'Of texts that are tried only the answer is kept in the history, as stream',
};

/** For a shell: ' ends the quotes, so each becomes '\''. */
export function curlLine(origin: string, request: ClassifyRequest): string {
  const body = JSON.stringify(request).replaceAll("'", "'\\''");
  return `curl -s ${origin}/v1/classify -H 'Content-Type: application/json' -d '${body}'`;
}

export function TryIt() {
  const status = useStatus();
  const [input, setInput] = useState('');
  const [model, setModel] = useState('');
  const [asked, setAsked] = useState<ClassifyRequest>();
  const [reply, setReply] = useState<ClassifyReply>();
  const [error, setError] = useState<ApiError>();
  const [sending, setSending] = useState(false);

  const send = async () => {
    const texts = input.split('\n').filter((line) => line.trim() !== '');
    if (texts.length === 0 || sending) return;
    const request: ClassifyRequest = { texts, top_k: 'all', stream: STREAM };
    if (model) request.model = model;
    setSending(true);
    setError(undefined);
    try {
      setReply(await api.classify(request));
      setAsked(request);
    } catch (reason) {
      setError(reason as ApiError);
      setReply(undefined);
    }
    setSending(false);
  };

  const models = status?.models ?? [];
  return (
    <div class="stack">
      <h1>Try it</h1>
      <Panel title="Texts">
        <form
          class="form"
          onSubmit={(event) => {
            event.preventDefault();
            void send();
          }}
        >
          <Field title="One on each line">
            <textarea
              rows={4}
              value={input}
              onInput={(event) => setInput(event.currentTarget.value)}
              onKeyDown={(event) => {
                if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void send();
              }}
              placeholder="The battery died after a week."
            />
          </Field>
          <div class="search-actions">
            {models.length > 1 && (
              <Select title="Model" value={model || (models[0]?.name ?? '')} options={models.map((each) => ({ value: each.name, title: visibleString(each.name) }))} onChange={setModel} />
            )}
            <button type="submit" class="button button-primary" disabled={sending || input.trim() === ''}>
              Classify
            </button>
            <span class="soft">or Ctrl + Enter</span>
          </div>
          {status && status.history.state !== 'off' && (
            <p class="soft hint">
              {KEPT[status.text_policy]} “{STREAM}”.
            </p>
          )}
        </form>
      </Panel>
      {error && <Failed error={error} />}
      <div aria-live="polite" class="stack">
        {!reply && !error && <Empty>The answer appears here, with the request that a program would send.</Empty>}
        {reply && asked && (
          <>
            <Panel
              title="Answer"
              note={`${visibleString(reply.model)} ${visibleString(reply.model_version)} · waited ${formatMs(reply.timing_ms.queue)}, tokens ${formatMs(reply.timing_ms.tokenize)}, model ${formatMs(reply.timing_ms.inference)}`}
            >
              {reply.results.map((answer, i) => (
                <Answer key={i} text={asked.texts[i] ?? ''} answer={answer} />
              ))}
            </Panel>
            <div class="two-columns">
              <Panel title="As a command">
                <pre class="code" tabIndex={0}>
                  <Visible text={curlLine(window.location.origin, asked)} />
                </pre>
              </Panel>
              <Panel title="The answer in JSON">
                <pre class="code" tabIndex={0}>
                  <Visible text={JSON.stringify(reply, null, 2)} />
                </pre>
              </Panel>
            </div>
          </>
        )}
      </div>
    </div>
  );
}

function Answer({ text, answer }: { text: string; answer: ClassifyResult }) {
  const open = useDialogs();
  const labels = labelsOf(useStatus());
  return (
    <article class="answer">
      <div class="answer-head">
        <Visible text={text} />
        {answer.label !== undefined && (
          <button
            type="button"
            class="button button-small"
            onClick={() => open({ kind: 'correct', target: { text, label: answer.label ?? '', stream: STREAM } })}
          >
            Wrong?<span class="visually-hidden"> Correct: {visibleString(text)}</span>
          </button>
        )}
      </div>
      {answer.error ? (
        <p class="failed">{visibleString(answer.error.message)}</p>
      ) : (
        <table class="table table-bars">
          <caption class="visually-hidden">Scores of {visibleString(text)}</caption>
          <tbody>
            {(answer.scores ?? []).map((each) => (
              <tr key={each.label}>
                <th scope="row">
                  <LabelBadge label={each.label} />
                </th>
                <td class="bar-cell">
                  <ShareBar share={each.score} colour={labelColour(each.label, labels)} />
                </td>
                <td class="number">{formatScore(each.score)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {answer.truncated && <p class="soft hint">Only the begin was read: the text is longer than the model.</p>}
    </article>
  );
}
