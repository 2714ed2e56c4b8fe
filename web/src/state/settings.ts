/** What this browser remembers: the look of the page, never texts or keys. */

export type SettingName = 'theme' | 'shortcuts';

export function readSetting(name: SettingName): string | null {
  try {
    return window.localStorage.getItem(`valence.${name}`);
  } catch {
    return null;
  }
}

export function writeSetting(name: SettingName, value: string): void {
  try {
    window.localStorage.setItem(`valence.${name}`, value);
  } catch {
    // Storage is forbidden: the choice lasts as long as the page.
  }
}
