/** Keys without modifiers; off on demand (WCAG 2.1.4), and never while somebody types. */

import { useEffect, useRef } from 'preact/hooks';
import { readSetting, writeSetting } from './settings';

export const shortcutsOn = (): boolean => readSetting('shortcuts') !== 'off';
export const setShortcuts = (on: boolean): void => writeSetting('shortcuts', on ? 'on' : 'off');

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && !['checkbox', 'radio', 'button'].includes(target.type);
}

export function useShortcuts(keys: Record<string, () => void>): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (document.querySelector('dialog[open]') || !shortcutsOn()) return;
      const act = latest.current[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    };
    document.addEventListener('keydown', pressed);
    return () => document.removeEventListener('keydown', pressed);
  }, []);
}
