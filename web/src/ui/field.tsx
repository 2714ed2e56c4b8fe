/** A control with its name above it. */

import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

export function Field({ title, children, class: more = '' }: { title: string; children: ComponentChildren; class?: string }) {
  return (
    <label class={`field ${more}`}>
      <span class="field-title">{title}</span>
      {children}
    </label>
  );
}

export interface Option {
  value: string;
  title: string;
}

export function Select({
  title,
  value,
  options,
  onChange,
}: {
  title: string;
  value: string;
  options: readonly Option[];
  onChange: (value: string) => void;
}) {
  // Not inside its label, as in Field: the options would be part of the name.
  const id = useId();
  return (
    <div class="field">
      <label class="field-title" for={id}>
        {title}
      </label>
      <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {options.map((option) => (
          <option key={option.value} value={option.value} selected={option.value === value}>
            {option.title}
          </option>
        ))}
      </select>
    </div>
  );
}
