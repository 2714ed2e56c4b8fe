/** The API key: in memory, or in sessionStorage if the user wants it to outlive a reload of this tab. Never in a URL. */

const STORAGE_NAME = 'valence.key';

let key = '';

function storage(): Storage | undefined {
  try {
    return window.sessionStorage;
  } catch {
    return undefined; // forbidden by the browser's settings
  }
}

export function currentKey(): string {
  return key || (storage()?.getItem(STORAGE_NAME) ?? '');
}

export function setKey(value: string, rememberInTab: boolean): void {
  key = value;
  if (rememberInTab && value) storage()?.setItem(STORAGE_NAME, value);
  else storage()?.removeItem(STORAGE_NAME);
}
