/** Which dialog is open: parts of the page ask for one, the shell shows it. */

import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Alert, HistoryRecord } from '../api/types';

/** What may be corrected: a record, or a text that was tried. */
export interface Correctable {
  id?: string;
  text?: string;
  label: string;
  stream?: string;
  channel?: string;
}

export type OpenDialog =
  | { kind: 'correct'; target: Correctable }
  | { kind: 'record'; record: HistoryRecord }
  | { kind: 'silence'; alert?: Alert }
  | { kind: 'key'; message: string }
  | { kind: 'help' };

export const DialogContext = createContext<(dialog: OpenDialog) => void>(() => {});

export const useDialogs = (): ((dialog: OpenDialog) => void) => useContext(DialogContext);
