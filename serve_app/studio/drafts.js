// What was written and not sent yet: kept for this tab, so that a reload or a sign-in loses nothing.
import { atChange } from "./api.js";
import { useState } from "./ui.js";

const recordings = new Map(); // too large to be stored: kept until the page is left

const key = (page) => `bernie-draft-${page}`;

export function useDraft(page, initial) {
  const [draft, show] = useState(() => {
    try {
      return { ...initial, ...JSON.parse(sessionStorage.getItem(key(page)) ?? "{}") };
    } catch {
      return initial;
    }
  });
  const change = (part) => show((old) => {
    const next = { ...old, ...part };
    store(page, next);
    return next;
  });
  return [draft, change];
}

/** The value of a field and its change, for what shows it. */
export const bind = (draft, change, name) => ({ value: draft[name], onChange: (value) => change({ [name]: value }) });

/** Puts settings into the form of a page, before it is opened. */
export function writeDraft(page, part) {
  const old = JSON.parse(sessionStorage.getItem(key(page)) ?? "{}");
  store(page, { ...old, ...part });
}

function store(page, draft) {
  try {
    sessionStorage.setItem(key(page), JSON.stringify(draft));
  } catch {
    sessionStorage.removeItem(key(page)); // more than a browser keeps
  }
}

/** A recording that outlives its screen. */
export function useRecording(name) {
  const [chosen, show] = useState(recordings.get(name) ?? null);
  return [chosen, (next) => { recordings.set(name, next); show(next); }];
}

export function clearDrafts() {
  recordings.clear();
  for (const name of Object.keys(sessionStorage)) if (name.startsWith("bernie-draft-")) sessionStorage.removeItem(name);
}
atChange.add(clearDrafts);
