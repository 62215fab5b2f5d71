// What has the focus may go: the focus then goes to what is near, and never to nowhere.
const TAKES_FOCUS = "a[href], button, input:not([tabindex]), select, textarea, summary, h1";
const KEPT = 20;

/** @type {HTMLElement | null} */
let held = null;
let near = /** @type {Element[]} */ ([]); // beside it, from the inside to the outside of its list or form
let before = /** @type {HTMLElement[]} */ ([]); // what had the focus before it, newest first

function take(at) {
  at.focus({ preventScroll: true });
  return document.activeElement === at;
}

function settle() {
  if (!held || held.isConnected || document.activeElement !== document.body) return;
  for (const place of near.filter((each) => each.isConnected)) {
    if ([place, ...place.querySelectorAll(TAKES_FOCUS)].some((each) => each.matches(TAKES_FOCUS) && take(each))) return;
  }
  if (!before.some((each) => each.isConnected && take(each))) document.querySelector("h1")?.focus({ preventScroll: true });
}

/** Watches the whole page. */
export function keepFocus() {
  addEventListener("focusin", ({ target }) => {
    held = /** @type {HTMLElement} */ (target);
    if (!held.matches(":focus-visible")) { held = null; return; } // a pointer needs none, and a phone would show its keyboard
    before = [held, ...before.filter((each) => each !== held && each.isConnected)].slice(0, KEPT);
    near = [];
    for (let at = /** @type {Element | null} */ (held); at && !at.matches("ul, form, main, aside"); at = at.parentElement) {
      for (const beside of [at.nextElementSibling, at.previousElementSibling]) if (beside) near.push(beside);
    }
  });
  // Whoever presses beside everything means it.
  addEventListener("focusout", ({ target }) => setTimeout(() => { if (target === held && held?.isConnected && document.hasFocus()) held = null; }));
  const look = () => setTimeout(settle, 50); // a screen that opens takes the focus itself
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true });
}
