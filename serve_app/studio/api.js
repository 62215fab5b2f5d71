// The HTTP API: one function that sends, the token, and errors as sentences.
import { createStore, pause } from "./ui.js";

const KEY = "bernie-token", USER = "bernie-user";
const channel = new BroadcastChannel("bernie-studio");

export const session = createStore({ token: sessionStorage.getItem(KEY), account: null, note: "", otherTab: "" });
export const online = createStore({ up: navigator.onLine });
addEventListener("online", () => online.set({ up: true }));
addEventListener("offline", () => online.set({ up: false }));

export class ApiError extends Error {
  constructor(status, error) {
    super(error.message);
    this.status = status;
    this.code = error.code;
    this.field = error.field;
    this.retryAfter = error.retry_after;
  }
}

/** Run before the page is that of another account. */
export const atChange = new Set();

/** What one account wrote is not shown to another. */
function become(email) {
  if (email === sessionStorage.getItem(USER)) return;
  for (const each of atChange) each();
  sessionStorage.setItem(USER, email);
}

function keep(token, account, note) {
  if (account) become(account.email);
  if (token) sessionStorage.setItem(KEY, token);
  else sessionStorage.removeItem(KEY);
  session.set({ token, account, note });
}

/** `headers` that authorise a request. */
export const authorised = () => ({ Authorization: `Bearer ${session.get().token}` });

async function errorOf(answer) {
  let error;
  try {
    error = (await answer.json()).error;
  } catch {
    error = { code: "no_answer", message: `The server answered ${answer.status} without a reason.` };
  }
  return new ApiError(answer.status, error);
}

/** Ends the session of this page only; the others are told by `signOut`. */
function expire(note) {
  if (session.get().token) keep(null, null, note);
}

/**
 * A `Response` that is not an error. Waits and asks again where the server asks it to.
 * @param {string} path
 * @param {{ method?: string, json?: unknown, headers?: Record<string, string>, signal?: AbortSignal, tries?: number, anonymous?: boolean }} [options]
 */
export async function send(path, { method = "GET", json, headers: extra = {}, signal, tries = 3, anonymous = false } = {}) {
  const { token } = session.get(), authorise = token && !anonymous;
  const body = json === undefined ? undefined : JSON.stringify(json);
  const headers = { ...extra, ...(body ? { "Content-Type": "application/json" } : {}), ...(authorise ? authorised() : {}) };
  // What changes something is sent again only under a key that makes it happen once.
  const repeatable = method === "GET" || "Idempotency-Key" in headers;
  let answer;
  try {
    answer = await fetch(path, { method, headers, body, signal, cache: "no-store", keepalive: method === "DELETE" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { code: "offline", message: "The server cannot be reached. Try again when the connection is back." });
  }
  // What comes for a session that is over is not for the one that followed.
  if (authorise && session.get().token !== token) throw new ApiError(401, { code: "signed_out", message: "That session is over." });
  if (answer.ok) return answer;
  const error = await errorOf(answer);
  if (error.status === 401 && authorise) expire("Your session has ended. Sign in to go on; what you wrote is still here.");
  if (error.status === 503 && error.retryAfter && repeatable && tries > 1) {
    await pause(error.retryAfter * 1000);
    return send(path, { method, json, headers: extra, signal, tries: tries - 1, anonymous });
  }
  throw error;
}

/** What the API answers, read as JSON. @param {Parameters<typeof send>[1]} [options] */
export async function call(path, options) {
  const answer = await send(path, options);
  return answer.status === 204 ? null : answer.json();
}

export async function signIn(path, json) {
  const { token, account } = await call(path, { method: "POST", json, anonymous: true });
  keep(token, account, "");
}

export async function signOut() {
  try {
    await call("/api/sign-out", { method: "POST" });
  } catch (error) {
    if (error.status !== 401) throw error;
  }
  channel.postMessage({ ended: session.get().account?.id });
  keep(null, null, "You are signed out.");
}

export const everySessionEnded = () => {
  channel.postMessage({ ended: session.get().account?.id });
  keep(null, null, "You are signed out everywhere.");
};

export async function refreshAccount() {
  if (!session.get().token) return;
  const account = await call("/api/me");
  keep(session.get().token, account, session.get().note);
}

// Tabs: a sign-out ends all of the same account. A new tab may take a session over if its user asks.
let wanted = "";
channel.onmessage = ({ data }) => {
  const { token, account } = session.get();
  if (data.ended && data.ended === account?.id) keep(null, null, "You signed out in another tab.");
  if (data.who && token && account) channel.postMessage({ tab: account.email });
  if (data.tab) session.set({ otherTab: data.tab });
  if (data.take && token && account?.email === data.take) channel.postMessage({ given: token, email: account.email, to: data.to });
  if (data.given && wanted && data.to === wanted) {
    wanted = "";
    become(data.email);
    keep(data.given, null, "");
    refreshAccount().catch(() => {});
  }
};
export const askOtherTabs = () => channel.postMessage({ who: true });
export function takeOver(email) {
  wanted = crypto.getRandomValues(new Uint32Array(2)).join("-");
  channel.postMessage({ take: email, to: wanted });
}

/** A key under which a request takes effect once, however often it is sent. */
export const newKey = () => [...crypto.getRandomValues(new Uint32Array(4))].map((n) => n.toString(36)).join("-");

/** @type {Promise<Service[]> | undefined} */
let services;
/** @returns {Promise<Service[]>} */
export const listServices = () => (services ??= call("/api/services").then((found) => found.items).catch((error) => { services = undefined; throw error; }));

export const listVoices = async () => (await call("/api/voices")).items;

const ADVICE = {
  not_enough_credits: "Ask whoever runs this server for more.",
  audio_too_quiet: "Record closer to the microphone, or raise its level.",
  audio_clipped: "Record again with a lower level: the loudest parts are cut off.",
  no_speech: "A voice is made from one person speaking, without music.",
  not_audio: "Choose a sound file: WAV, MP3, FLAC, Ogg, M4A or WebM.",
  bad_audio: "The file may be damaged. Choose another, or export it again.",
  worker_lost: "Nothing was charged. Make it again; if it fails again, try a shorter text.",
  generation_failed: "Nothing was charged. Make it again with another seed.",
  too_many_uploads: "Uploads are removed after a week; or delete some.",
};

/** What went wrong and what to do, in one or two sentences. */
export function sentence(error) {
  const advice = ADVICE[error.code];
  return advice ? `${error.message} ${advice}` : error.message;
}
