/** The shell: where one is, whether the server is there, and the one dialog that may be open. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { api, setUnauthorizedHandler } from './api/client';
import { live } from './api/live';
import { ConnectionBanner } from './panels/connection_banner';
import { CorrectionDialog } from './panels/correction_dialog';
import { HelpDialog } from './panels/help_dialog';
import { KeyDialog } from './panels/key_dialog';
import { RecordDialog } from './panels/record_dialog';
import { SilenceDialog } from './panels/silence_dialog';
import { setAnnouncer } from './state/announce';
import { DialogContext, type OpenDialog } from './state/dialogs';
import { refreshAll } from './state/refresh';
import { goTo, hrefOf, useRoute, VIEWS } from './state/route';
import { useShortcuts } from './state/shortcuts';
import { StatusContext } from './state/status_context';
import { useTheme } from './state/theme';
import { useQuery } from './state/use_query';
import { Failed } from './ui/query_view';
import { ApiExplorer } from './views/api_explorer';
import { History } from './views/history';
import { Labelling } from './views/labelling';
import { Overview } from './views/overview';
import { TryIt } from './views/try_it';

const THEME_TITLES = { system: 'as the system', light: 'light', dark: 'dark' };
const THEME_SIGNS = { system: '◐', light: '☀', dark: '☾' };

export function App() {
  const route = useRoute();
  const { theme, cycle } = useTheme();
  const [dialog, setDialog] = useState<OpenDialog>();
  const [announced, setAnnounced] = useState('');
  const status = useQuery('status', (signal) => api.status(signal), 10_000);
  const heading = useRef<HTMLElement>(null);
  const close = () => setDialog(undefined);

  useEffect(() => {
    setAnnouncer(setAnnounced);
    setUnauthorizedHandler((message) => setDialog((open) => (open?.kind === 'key' ? open : { kind: 'key', message })));
    live.connect();
  }, []);

  const title = VIEWS.find((view) => view.name === route.view)?.title ?? '';
  const isFirst = useRef(true);
  useEffect(() => {
    document.title = `${title} · valence`;
    // The view is new: a reader of the page goes on at its begin. Not at the first, where the browser has the focus.
    if (!isFirst.current) heading.current?.focus();
    isFirst.current = false;
  }, [route.view]);

  const wantsSearch = useRef(false);
  const focusSearch = () => {
    wantsSearch.current = false;
    document.getElementById('history-search')?.focus();
  };
  useEffect(() => {
    if (wantsSearch.current && route.view === 'history') focusSearch();
  }, [route]);
  const search = () => {
    // The address is ahead of what is painted where keys come quickly.
    if (route.view === 'history' && window.location.hash.startsWith('#/history')) return focusSearch();
    wantsSearch.current = true;
    goTo('history');
  };
  useShortcuts({
    ...Object.fromEntries(VIEWS.map((view) => [view.shortcut, () => goTo(view.name)])),
    '/': search,
    '?': () => setDialog({ kind: 'help' }),
    d: cycle,
    r: refreshAll,
  });

  return (
    <StatusContext.Provider value={status.data}>
      <DialogContext.Provider value={setDialog}>
        <a
          class="skip-link"
          href="#main"
          onClick={(event) => {
            event.preventDefault(); // the address after '#' is the view's
            heading.current?.focus();
          }}
        >
          Skip to the content
        </a>
        <header class="top">
          <a class="brand" href={hrefOf('overview')}>
            <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
              <rect class="brand-ground" width="32" height="32" rx="8" />
              <path class="brand-mark" d="M8 9l8 14 8-14" />
            </svg>
            valence
          </a>
          <nav aria-label="Views">
            <ul class="tabs">
              {VIEWS.map((view) => (
                <li key={view.name}>
                  <a href={hrefOf(view.name)} aria-current={view.name === route.view ? 'page' : undefined}>
                    {view.title}
                  </a>
                </li>
              ))}
            </ul>
          </nav>
          <div class="top-actions">
            {status.data?.access.keys && (
              <button type="button" class="button button-quiet" onClick={() => setDialog({ kind: 'key', message: `This key may ${status.data?.access.level === 'admin' ? 'read and administer' : 'read'}` })}>
                Key
              </button>
            )}
            <button type="button" class="button button-quiet" aria-label={`Colours: ${THEME_TITLES[theme]}`} title={`Colours: ${THEME_TITLES[theme]}`} onClick={cycle}>
              <span aria-hidden="true">{THEME_SIGNS[theme]}</span>
            </button>
            <button type="button" class="button button-quiet" aria-label="Keys" title="Keys" onClick={() => setDialog({ kind: 'help' })}>
              <span aria-hidden="true">?</span>
            </button>
          </div>
        </header>
        <ConnectionBanner status={status.data} />
        <main id="main" ref={heading} tabIndex={-1}>
          {status.error && !status.data && status.error.status !== 0 && status.error.status !== 401 && <Failed error={status.error} retry={status.reload} />}
          {route.view === 'overview' && <Overview />}
          {route.view === 'history' && <History parameters={route.parameters} />}
          {route.view === 'label' && <Labelling />}
          {route.view === 'try' && <TryIt />}
          {route.view === 'api' && <ApiExplorer />}
        </main>
        <div class="visually-hidden" role="status" aria-live="polite">
          {announced}
        </div>
        {dialog?.kind === 'correct' && <CorrectionDialog target={dialog.target} onClose={close} />}
        {dialog?.kind === 'record' && <RecordDialog record={dialog.record} onClose={close} />}
        {dialog?.kind === 'silence' && <SilenceDialog alert={dialog.alert} onClose={close} />}
        {dialog?.kind === 'key' && <KeyDialog message={dialog.message} onClose={close} />}
        {dialog?.kind === 'help' && <HelpDialog onClose={close} />}
      </DialogContext.Provider>
    </StatusContext.Provider>
  );
}
