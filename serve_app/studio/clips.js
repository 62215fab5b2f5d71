// The clips that this page knows, and following those that are pending.
import { call, newKey, refreshAccount } from "./api.js";
import { follow } from "./events.js";
import { say } from "./parts/announce.js";
import { createStore, length } from "./ui.js";

const STREAMS = 3; // a browser opens six connections to a host; the others are for everything else
const POLL_MS = 5_000, HIDDEN_POLL_MS = 30_000;

/** `byId`: clips as the API gives them, with `live` (what the events told) beside. */
export const known = createStore({ byId: {} });
const streams = new Map();

export function keep(...clips) {
  const byId = { ...known.get().byId };
  for (const clip of clips) byId[clip.id] = { ...clip, live: clip.state === "pending" ? byId[clip.id]?.live : undefined };
  known.set({ byId });
  schedule();
}

export function forget(id) {
  streams.get(id)?.abort();
  const byId = { ...known.get().byId };
  delete byId[id];
  known.set({ byId });
}

export function forgetAll() {
  for (const each of streams.values()) each.abort();
  streams.clear();
  known.set({ byId: {} });
}

export async function refresh(id) {
  const clip = await call(`/api/clips/${id}`);
  const before = known.get().byId[id];
  keep(clip);
  if (before?.state === "pending" && clip.state !== "pending") ended(clip);
  return clip;
}

function ended(clip) {
  refreshAccount().catch(() => {});
  if (clip.state === "succeeded") say(`Clip ready, ${length(clip.audio.seconds)}.`);
  if (clip.state === "failed") say(`The clip failed. ${clip.error.message}`);
}

/** Submits a clip. The same `key` makes the same clip, however often it is sent. */
export async function submit(path, json, key = newKey()) {
  const clip = await call(path, { method: "POST", json, headers: { "Idempotency-Key": key } });
  keep(clip);
  refreshAccount().catch(() => {});
  return clip;
}

export async function remove(clip) {
  await call(`/api/clips/${clip.id}`, { method: "DELETE" });
  if (clip.state === "pending") await refresh(clip.id);
  else forget(clip.id);
}

/** Finds what was pending before the page was loaded. */
export async function recover() {
  try {
    keep(...(await call("/api/clips?state=pending&limit=100")).items);
  } catch (error) {
    if (error.status !== 401) setTimeout(recover, POLL_MS);
  }
}

function tell(id, { event, data }) {
  const clip = known.get().byId[id];
  if (!clip || clip.state !== "pending") return;
  const live = { ...clip.live, event, at: Date.now() };
  if (event === "queued" || event === "position") Object.assign(live, { position: data.position, start_at: data.start_at, phase: "queued" });
  if (event === "started") Object.assign(live, { attempt: data.attempt, phase: "working", segment: 0, segments: 0 });
  if (event === "progress") Object.assign(live, data, { phase: "working" });
  if (event === "audio") Object.assign(live, { seconds: data.seconds, phase: "working" });
  if (event === "retrying" || event === "postponed") Object.assign(live, { phase: event, start_at: data.start_at, code: data.code });
  known.set({ byId: { ...known.get().byId, [id]: { ...clip, live } } });
}

async function watch(id) {
  const stop = new AbortController();
  streams.set(id, stop);
  let outcome;
  try {
    outcome = await follow(id, (event) => tell(id, event), stop.signal);
  } catch {
    return; // stopped
  } finally {
    if (streams.get(id) === stop) streams.delete(id);
  }
  refused.add(id); // from here on it is asked for, should it go on
  if (outcome === "ended") await refresh(id).catch(() => {});
  schedule();
}

const refused = new Set(); // followed by asking

function pending() {
  return Object.values(known.get().byId).filter((clip) => clip.state === "pending")
    .sort((one, other) => one.created_at.localeCompare(other.created_at) || one.id.localeCompare(other.id));
}

function schedule() {
  if (document.hidden) return;
  for (const clip of pending()) {
    if (streams.size >= STREAMS) return;
    if (!streams.has(clip.id) && !refused.has(clip.id)) watch(clip.id);
  }
}

async function poll() {
  const asked = pending().filter((clip) => !streams.has(clip.id));
  for (const clip of asked.slice(0, 10)) {
    try {
      await refresh(clip.id);
    } catch (error) {
      if (error.code === "clip_not_found") forget(clip.id);
      else break;
    }
  }
  setTimeout(poll, document.hidden ? HIDDEN_POLL_MS : POLL_MS);
}
setTimeout(poll, POLL_MS);

document.addEventListener("visibilitychange", () => {
  if (document.hidden) for (const each of streams.values()) each.abort();
  else schedule();
});
