/** Light, dark, or what the system says. */

import { useEffect, useState } from 'preact/hooks';
import { readSetting, writeSetting } from './settings';

export type Theme = 'system' | 'light' | 'dark';

const NEXT: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' };

function stored(): Theme {
  const value = readSetting('theme');
  return value === 'light' || value === 'dark' ? value : 'system';
}

function apply(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

apply(stored());

export function useTheme(): { theme: Theme; cycle: () => void } {
  const [theme, setTheme] = useState<Theme>(stored);
  useEffect(() => {
    apply(theme);
    writeSetting('theme', theme);
    window.dispatchEvent(new Event('valence-theme'));
  }, [theme]);
  return { theme, cycle: () => setTheme((now) => NEXT[now]) };
}

/** Calls `changed` when the colours on the page do. */
export function onColoursChanged(changed: () => void): () => void {
  const system = window.matchMedia('(prefers-color-scheme: dark)');
  system.addEventListener('change', changed);
  window.addEventListener('valence-theme', changed);
  return () => {
    system.removeEventListener('change', changed);
    window.removeEventListener('valence-theme', changed);
  };
}
