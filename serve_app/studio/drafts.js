// What was written and not sent yet: kept for this tab, so that a reload or a sign-in loses nothing.
import { useState } from "./ui.js";

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
    sessionStorage.setItem(key(page), JSON.stringify(next));
    return next;
  });
  return [draft, change];
}

/** Puts settings into the form of a page, before it is opened. */
export function writeDraft(page, part) {
  const old = JSON.parse(sessionStorage.getItem(key(page)) ?? "{}");
  sessionStorage.setItem(key(page), JSON.stringify({ ...old, ...part }));
}

export function clearDrafts() {
  for (const name of Object.keys(sessionStorage)) if (name.startsWith("bernie-draft-")) sessionStorage.removeItem(name);
}
