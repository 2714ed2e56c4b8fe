/** /v1/status for every part of the page. */

import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Status } from '../api/types';

export const StatusContext = createContext<Status | undefined>(undefined);

export const useStatus = (): Status | undefined => useContext(StatusContext);

/** Labels of every loaded model, each once, in the models' order. */
export function labelsOf(status: Status | undefined): string[] {
  return [...new Set(status?.models.flatMap((model) => model.labels) ?? [])];
}

/** What the page looks at unless told otherwise. */
export function watchedLabelOf(status: Status | undefined): string | undefined {
  return status?.models.flatMap((model) => model.negative_labels)[0] ?? labelsOf(status)[0];
}
