// The one player of the page: a media element for files, live audio for clips that are being made.
import { call, sentence } from "./api.js";
import { keep, known } from "./clips.js";
import { LiveAudio } from "./live.js";
import { toWav } from "./record.js";
import { createStore } from "./ui.js";

const RENEW_MS = 60_000;
const audio = new Audio();
audio.preload = "auto";

/** `clip` or `sample` ({ title, url }) is what is in the player; `list`: ids for previous and next. */
export const player = createStore({
  clip: null, sample: null, playing: false, waiting: false, live: false, position: 0, duration: 0,
  peaks: null, error: "", rate: 1, volume: 1, list: /** @type {string[]} */ ([]),
});

known.subscribe(({ byId }) => {
  const { clip, live: isLive, peaks } = player.get(), newest = clip && byId[clip.id];
  if (isLive && !peaks && newest?.state === "succeeded" && clip.state !== "succeeded") {
    show({ clip: newest }); // it is made before it is heard to its end
    loadPeaks(newest, ticket);
  }
});

/** What lists of clips show: which clip is in the player, and whether it is heard. Unlike `player`
 * it does not change with every frame. */
export const nowPlaying = createStore({ id: null, playing: false });
player.subscribe(({ clip, playing }) => {
  const shown = nowPlaying.get(), id = clip?.id ?? null;
  if (shown.id !== id || shown.playing !== playing) nowPlaying.set({ id, playing });
});

/** @type {LiveAudio | null} */
let live = null;
let renewed = false;
let ticket = 0; // of the newest request to play: older ones give up

const show = (change) => player.set(change);

function tick() {
  const { playing, live: isLive } = player.get();
  if (isLive && live) show({ position: live.position, duration: Math.max(live.scheduled, live.position), waiting: live.started === null || (!live.complete && live.next < live.context.currentTime) });
  else if (playing) show({ position: audio.currentTime });
  if (playing) requestAnimationFrame(tick);
}

audio.addEventListener("play", () => { show({ playing: true }); requestAnimationFrame(tick); });
audio.addEventListener("pause", () => { if (!player.get().live) show({ playing: false, position: audio.currentTime }); });
audio.addEventListener("ended", () => show({ playing: false, position: audio.duration || 0 }));
audio.addEventListener("waiting", () => { if (!player.get().live) show({ waiting: true }); });
audio.addEventListener("playing", () => show({ waiting: false, error: "" }));
audio.addEventListener("durationchange", () => { if (Number.isFinite(audio.duration) && !player.get().live) show({ duration: audio.duration }); });
audio.addEventListener("error", () => { if (audio.getAttribute("src") && !player.get().live) renew(); });

function fail(message) {
  show({ playing: false, waiting: false, error: message });
}

/** The clip with a link that is good for a while yet. */
async function withFreshLink(clip, force = false) {
  const newest = known.get().byId[clip.id] ?? clip;
  if (!force && newest.audio && Date.parse(newest.audio.expires_at) - Date.now() > RENEW_MS) return newest;
  const fresh = await call(`/api/clips/${clip.id}`);
  keep(fresh);
  return fresh;
}

const gone = (error) => (error.code === "clip_not_found" ? "This clip was deleted." : sentence(error));

/** The link may have expired: a new one, once, and on from the same place. */
async function renew() {
  const { clip, position } = player.get();
  if (!clip || renewed) { fail("The audio cannot be loaded. Press play to try again."); return; }
  renewed = true;
  show({ waiting: true });
  try {
    const fresh = await withFreshLink(clip, true);
    audio.src = fresh.audio.url;
    audio.currentTime = position;
    await audio.play();
  } catch (error) {
    fail(error.status === undefined ? "The audio cannot be loaded. Press play to try again." : gone(error));
  }
}

async function loadPeaks(clip, mine) {
  try {
    const { peaks } = await call(`/api/clips/${clip.id}/peaks`);
    const bytes = Int8Array.from(atob(peaks), (letter) => (letter.charCodeAt(0) << 24) >> 24);
    if (mine === ticket) show({ peaks: Float32Array.from(bytes, (level) => level / 127) });
  } catch {
    // a clip without an outline is drawn as a line
  }
}

async function stopLive() {
  const old = live;
  live = null;
  if (old) await old.close();
}

/** Plays a finished clip from `from` seconds. */
export async function play(clip, from = 0, list = player.get().list) {
  const mine = ++ticket;
  await stopLive();
  renewed = false;
  const same = player.get().clip?.id === clip.id;
  show({ clip, sample: null, live: false, list, waiting: true, error: "", position: from, ...(same ? {} : { peaks: null, duration: clip.audio?.seconds ?? 0 }) });
  if (!same || !player.get().peaks) loadPeaks(clip, mine);
  try {
    const fresh = await withFreshLink(clip);
    if (mine !== ticket) return;
    audio.src = fresh.audio.url;
    applySound();
    audio.currentTime = from;
    show({ clip: fresh });
    await audio.play();
    describe(fresh.text ?? fresh.voice ?? "Clip");
  } catch (error) {
    if (mine !== ticket || error.name === "AbortError" || (error.status === undefined && audio.error)) return;
    if (error.name === "NotAllowedError") fail("Press play to listen.");
    else fail(error.status === undefined ? "The audio cannot be loaded. Press play to try again." : gone(error));
  }
}

/** A `LiveAudio` for a clip that is about to be submitted; call it in the tap that asks for it. */
export function prepareLive(rate) {
  ticket++;
  audio.pause();
  stopLive();
  live = new LiveAudio(rate, () => show({ waiting: false }));
  return live;
}

/** Gives up what `prepareLive` made: the clip was not accepted. */
export function dropLive(prepared) {
  if (prepared !== live) return;
  stopLive();
  show({ live: false, playing: false, waiting: false });
}

/** Plays a pending WAV clip while it is made; at its end the file is in its place. */
export async function listen(clip, prepared) {
  const mine = ++ticket;
  audio.pause();
  audio.removeAttribute("src");
  if (prepared !== live) await stopLive();
  if (mine !== ticket) { prepared.close(); return; }
  live = prepared;
  prepared.volume = player.get().volume;
  show({ clip, sample: null, live: true, playing: true, waiting: true, error: "", position: 0, duration: 0, peaks: null });
  requestAnimationFrame(tick);
  const heard = await prepared.play(clip.id);
  if (mine !== ticket) return;
  const newest = known.get().byId[clip.id] ?? clip;
  const position = prepared.scheduled;
  live = null;
  if (heard) { settle(newest, position, mine); return; }
  show({ live: false, playing: false, waiting: false });
  // The stream broke off: the file says how it ended.
  try {
    const fresh = await call(`/api/clips/${clip.id}?wait=20`);
    keep(fresh);
    if (mine === ticket && fresh.audio) await play(fresh, Math.min(position, fresh.audio.seconds));
    else if (mine === ticket) show({ clip: null });
  } catch (error) {
    if (mine === ticket) fail(gone(error));
  }
}

/** The file takes the place of what was heard: same place, paused at the end. */
async function settle(clip, position, mine) {
  show({ live: false, playing: false, waiting: false, position, duration: position });
  try {
    const fresh = await withFreshLink(clip, true);
    if (mine !== ticket || !fresh.audio) return;
    audio.src = fresh.audio.url;
    audio.currentTime = position;
    show({ clip: fresh, duration: fresh.audio.seconds, position: fresh.audio.seconds });
    loadPeaks(fresh, mine);
  } catch {
    // the next press on play asks again
  }
}

/** Plays a short recording from a blob: a voice, or what was just recorded. */
export async function playSample(title, blob) {
  const mine = ++ticket;
  await stopLive();
  const old = player.get().sample?.url;
  if (old) URL.revokeObjectURL(old);
  const url = URL.createObjectURL(blob);
  show({ clip: null, sample: { title, url }, live: false, peaks: null, position: 0, duration: 0, error: "" });
  audio.src = url;
  applySound();
  toWav(blob).then(({ peaks }) => mine === ticket && show({ peaks }), () => {});
  await audio.play().catch(() => fail("This recording cannot be played."));
}

export function toggle() {
  const { clip, sample, playing, position, duration } = player.get();
  if (live) {
    if (live.playing) live.suspend().then(() => show({ playing: false }));
    else live.resume().then(() => { show({ playing: true }); requestAnimationFrame(tick); });
  } else if (playing) audio.pause();
  else if (clip) play(clip, position >= duration - 0.05 ? 0 : position);
  else if (sample) audio.play();
}

export function seek(seconds) {
  const { clip } = player.get();
  if (player.get().live) return;
  if (audio.getAttribute("src")) audio.currentTime = seconds;
  show({ position: seconds });
  if (clip && player.get().error) play(clip, seconds);
}

export function step(by) {
  const { list, clip } = player.get();
  const next = list[list.indexOf(clip?.id) + by];
  if (next && known.get().byId[next]?.audio) play(known.get().byId[next]);
}

export function setRate(rate) { show({ rate }); applySound(); }
export function setVolume(volume) { show({ volume }); applySound(); }

function applySound() {
  const { rate, volume } = player.get();
  audio.playbackRate = rate;
  audio.volume = volume;
  if (live) live.volume = volume;
}

export function stop() {
  ++ticket;
  stopLive();
  audio.pause();
  audio.removeAttribute("src");
  show({ clip: null, sample: null, playing: false, live: false, error: "" });
}

/** Saves the audio of a clip, by a link that is good now. */
export async function download(clip) {
  const fresh = await withFreshLink(clip);
  const link = document.createElement("a");
  link.href = fresh.audio.url;
  link.download = "";
  link.click();
}

function describe(title) {
  const { mediaSession } = navigator;
  if (!mediaSession) return;
  mediaSession.metadata = new MediaMetadata({ title, artist: "Bernie" });
  mediaSession.setActionHandler("play", toggle);
  mediaSession.setActionHandler("pause", toggle);
  mediaSession.setActionHandler("previoustrack", () => step(-1));
  mediaSession.setActionHandler("nexttrack", () => step(1));
}
