// Sign-in and sign-up.
import { askOtherTabs, session, signIn, takeOver } from "../api.js";
import { Password, Problem, Submit, Text } from "../parts/fields.js";
import { useTitle } from "../parts/maker.js";
import { html, marked, useEffect, useState, useStore } from "../ui.js";

export function SignIn() {
  const { note, otherTab } = useStore(session);
  const [isNew, setNew] = useState(false);
  const [state, show] = useState({ busy: false, error: null });
  const [wait, setWait] = useState(0);
  const [closed, setClosed] = useState(false);
  const heading = useTitle(isNew ? "Create an account" : "Sign in");
  useEffect(askOtherTabs, []);
  useEffect(() => {
    if (wait <= 0) return undefined;
    const timer = setTimeout(() => setWait(wait - 1), 1000);
    return () => clearTimeout(timer);
  }, [wait]);
  async function submit(event) {
    event.preventDefault();
    const form = event.target, email = form.elements.email.value, password = form.elements.password.value;
    if (state.busy || wait > 0) return;
    show({ busy: true, error: null });
    try {
      await signIn(isNew ? "/api/sign-up" : "/api/sign-in", { email, password, client: "studio" });
    } catch (error) {
      show({ busy: false, error });
      if (error.code === "sign_up_closed") setClosed(true);
      if (error.code === "too_many_attempts" && error.retryAfter) setWait(error.retryAfter);
      form.elements[error.field === "password" ? "password" : "email"]?.focus();
    }
  }
  const { error } = state, field = error?.field;
  const told = error?.message.replace(/^email /, "The e-mail address ").replace(/^password /, "The password ");
  return html`<main id="main" class="sign-in"><img src=${new URL("../icon.svg", import.meta.url).href} alt="" width="48" height="48" />
    <h1 tabindex="-1" ref=${heading}>${isNew ? "Create an account" : "Sign in to Bernie"}</h1>
    <p class="hint">Speech, voices and sounds, made on this server.</p>
    ${note && html`<p class="note" role="status">${marked(note)}</p>`}
    ${otherTab && html`<p class="note">${otherTab} is signed in in another tab. <button class="link" onClick=${() => takeOver(otherTab)}>Use that session here</button></p>`}
    <form onSubmit=${submit} class="stack" novalidate>
      <${Text} id="email" name="email" label="E-mail address" type="email" autocomplete="username" error=${field === "email" ? told : ""} />
      <${Password} id="password" name="password" label="Password" autocomplete=${isNew ? "new-password" : "current-password"} error=${field === "password" ? told : ""} />
      <${Problem}>${error && field !== "email" && field !== "password" ? error.message : ""}<//>
      ${wait > 0 && html`<p class="hint" role="timer">You can try again in ${wait} s.</p>`}
      <${Submit} off=${state.busy || wait > 0}>${state.busy ? "Asking the server…" : isNew ? "Create the account" : "Sign in"}<//>
    </form>
    ${closed ? html`<p class="hint">Sign-up is closed on this server.</p>` : html`<p><button class="link" onClick=${() => { setNew(!isNew); show({ busy: false, error: null }); }}>${isNew ? "I have an account" : "Create an account"}</button></p>`}
  </main>`;
}
