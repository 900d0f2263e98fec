// The page of the server: a video and a question go in, the run is watched, and its report is taken into the page.

import { Live, formatTime, make } from "./live.js";
import { enliven } from "./report.js";
import { Refused, follow, request, upload } from "./server.js";

const LISTED = "video-sleuth-questions";
const MOST_LISTED = 100;
const STILL_SECONDS = 0.3;
const WAIT_SECONDS = 5;

const find = (id) => document.getElementById(id);
const form = find("asking"), player = find("player"), report = find("report"), stage = find("stage");
const uploads = new WeakMap();  // ids by File, so that a file goes up once
const own = new Map();  // addresses of files of this device by the ids of their uploads
let records = readRecords();
let shown = null;  // the record on the page
let running = null;  // {stop} while there is something to stop
let playing = "";  // the video in the player, by its name at the server
let still = null;  // second at which boxes lie over the player

// ---- words

function say(words) {
  find("state").textContent = words;
}

function complain(words, field = null) {
  find("wrong").textContent = words;
  for (const each of form.querySelectorAll("[aria-invalid]")) each.removeAttribute("aria-invalid");
  if (field) {
    field.setAttribute("aria-invalid", "true");
    field.focus();
  }
}

// ---- the list of questions, on this device

function readRecords() {
  try {
    const kept = JSON.parse(localStorage.getItem(LISTED));
    return Array.isArray(kept) ? kept : [];
  } catch {  // storage is off, or another program's
    return [];
  }
}

function keepRecords() {
  try {
    localStorage.setItem(LISTED, JSON.stringify(records));
  } catch { /* storage is off: the list lasts as long as the page */ }
  showRecords();
}

function showRecords() {
  find("none-yet").hidden = records.length > 0;
  find("forget").hidden = !records.length;
  find("asked").replaceChildren(...records.map((record) => {
    const button = make("button", { type: "button", class: record.after ? "follows" : "" }, record.question);
    if (record.id === shown?.id) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => open(record));
    const when = new Date(record.at).toLocaleString([], { dateStyle: "short", timeStyle: "short" });
    const told = make("p", {}, `${record.name}: `, make("span", { class: "said" }, record.answer || record.status));
    return make("li", {}, button, make("span", { class: "soft small" }, when), told);
  }));
}

// ---- which video

function choose() {
  const [file] = find("file").files;
  if (file) return { file, name: file.name };
  const stored = find("stored"), path = find("path").value.trim();
  if (stored.value) return { video: stored.value, name: stored.selectedOptions[0].textContent };
  return path ? { video: path, name: path.split("/").pop() } : null;
}

/** Makes a video of the server the chosen one. */
function take(video, name) {
  const stored = find("stored"), isUpload = video.startsWith("file-");
  find("file").value = "";
  find("path").value = isUpload ? "" : video;
  if (isUpload && ![...stored.options].some((option) => option.value === video)) {
    stored.append(make("option", { value: video }, name));
  }
  stored.value = isUpload ? video : "";
}

async function listUploads() {
  const { data } = await (await request("/v1/files")).json();
  const options = data.map((file) => make("option", { value: file.id }, file.filename));
  find("stored").append(...options);
}

function showFollowing() {
  const chosen = choose();
  find("following").hidden = !(shown?.isReported && chosen?.video === shown.video);
}

// ---- the player

function play(video, address, name) {
  find("named").textContent = name;
  if (video === playing) return;
  playing = video;
  find("boxes").replaceChildren();
  player.src = address;
  document.body.classList.remove("unplayed");
  find("unplayed").hidden = true;
  stage.hidden = false;
  find("desk").classList.add("pictured");
}

/** Moves the player; `boxes` of a frame are laid over it until it moves on. */
function seek(seconds, canvas = null) {
  const boxes = find("boxes");
  player.pause();
  player.currentTime = seconds;
  still = seconds;
  boxes.replaceChildren(...[...(canvas?.querySelectorAll(".box") ?? [])].map((box) => box.cloneNode(true)));
  if (canvas) boxes.setAttribute("viewBox", canvas.getAttribute("viewBox"));
  stage.scrollIntoView({ block: "nearest" });
  if (!document.body.classList.contains("unplayed")) say(`The player is at ${formatTime(seconds)}.`);
}

player.addEventListener("error", () => {
  document.body.classList.add("unplayed");
  find("unplayed").hidden = false;
});
player.addEventListener("loadedmetadata", () => {
  player.parentElement.classList.toggle("portrait", player.videoHeight > player.videoWidth);
});
player.addEventListener("timeupdate", () => {
  const now = player.currentTime;
  if (still !== null && Math.abs(now - still) > STILL_SECONDS) find("boxes").replaceChildren();
  for (const line of find("lines").children) {
    line.classList.toggle("now", now >= Number(line.dataset.start) && now < Number(line.dataset.stop));
  }
  for (const head of document.querySelectorAll(".tracks .playhead")) {
    head.style.setProperty("--at", now / Number(head.parentElement.dataset.seconds || 1));
  }
});
document.addEventListener("click", (event) => {
  const field = event.target.closest(".tracks .field");
  if (!field || event.target.closest("a")) return;
  const { left, width } = field.getBoundingClientRect();
  seek((Number(field.closest(".tracks").dataset.seconds) * (event.clientX - left)) / width);
});

// ---- a run, and its report

/** Shows a question that was asked: follows it to its end, or shows its report. */
async function open(record) {
  running?.leave();
  shown = record;
  complain("");
  history.replaceState(null, "", `?job=${record.id}`);
  document.title = `${record.question} · Video Sleuth`;
  report.replaceChildren();
  take(record.video, record.name);
  showFollowing();
  showRecords();
  watch(record);
}

function watch(record) {
  const live = new Live(record.id, { turns: find("turns-so-far"), seen: find("seen"), lines: find("lines"), seek });
  addHead(find("seen"));
  let content = "";
  const leave = follow(record.id, {
    onLost: () => say("The connection is lost. It is taken up again; the question goes on."),
    onBack: () => say("The connection is back."),
    onRefused: (error) => end(record, "lost", "", error.message),
    onEvent: (event) => {
      if (event.type === "RUN_FINISHED") end(record, event.result.status, content, "");
      else if (event.type === "RUN_ERROR") end(record, event.code, content, event.message);
      else if (event.type === "TEXT_MESSAGE_CONTENT") content = event.delta;
      else {
        const words = live.read(event);
        if (words) say(words);
        if (event.name === "video") {
          play(record.video, own.get(record.video) ?? `/v1/jobs/${record.id}/video`, record.name);
        }
        hear();
      }
    },
  });
  find("live").hidden = false;
  setRunning({
    leave,
    stop: () => {
      say("Stopping.");
      request(`/v1/jobs/${record.id}/cancel`, { method: "POST" }).catch((error) => complain(error.message));
    },
  });
  say("The question waits for its turn.");
}

/** Shows the transcript if anything was heard. */
function hear() {
  const hasLines = find("lines").childElementCount > 0;
  find("transcript").hidden = !hasLines;
  stage.classList.toggle("heard", hasLines);
}

async function end(record, status, content, error) {
  setRunning(null);
  record.status = status;
  record.answer = content.split("\n")[0];
  keepRecords();
  if (error) {
    say("");
    complain(error);
  } else {
    say(status === "cancelled" ? "Stopped. What was reached is shown below." : `Answer: ${record.answer}`);
  }
  try {
    const text = await (await request(`/v1/jobs/${record.id}/report`)).text();
    if (shown !== record) return;
    showReport(text, record);
    record.isReported = true;
    find("live").hidden = true;
    find("turns-so-far").replaceChildren();  // with pictures that are still on their way
  } catch (refused) {
    if (!(refused instanceof Refused)) throw refused;
    find("live").hidden = !find("turns-so-far").childElementCount;
    if (!error && status !== "cancelled") complain(refused.message);
  }
  showFollowing();
}

/** Takes the parts of a report into the page: it is the same page from there on. */
function showReport(text, record) {
  const [whole, style] = text.match(/<style>([^]*?)<\/style>/);  // the page's policy allows it none of its own
  const page = new DOMParser().parseFromString(text.replace(whole, ""), "text/html");
  const parts = page.querySelectorAll(".store, main > *, #viewer");
  report.replaceChildren(...parts);
  const title = report.querySelector("#answer h1");
  title.replaceWith(make("h2", { class: title.className }, ...title.childNodes));
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  for (const { selectorText = "", style: { aspectRatio } = {} } of sheet.cssRules) {  // of this video: in no file
    if (!selectorText.endsWith(".row.strip .field") || !aspectRatio) continue;
    for (const field of report.querySelectorAll(selectorText)) field.style.aspectRatio = aspectRatio;
  }
  enliven(report);
  report.querySelectorAll(".tracks").forEach(addHead);
  for (const exhibit of report.querySelectorAll(".exhibit")) {
    const frame = exhibit.querySelector(".frame:not(:has(.locator))");
    const start = Number(exhibit.dataset.played.split(",")[0]);
    const canvas = frame?.querySelector(".canvas:has(.box)");
    const jump = make("button", { type: "button", class: "jump" }, "Show it in the player");
    jump.setAttribute("aria-label", `Show exhibit ${exhibit.id.split("-")[1]} in the player`);
    jump.addEventListener("click", () => seek(canvas ? Number(frame.dataset.seconds) : start, canvas));
    exhibit.querySelector(".facts").append(jump);
  }
  const saved = make("a", { href: `/v1/jobs/${record.id}/trajectory`, download: `${record.id}.json` });
  saved.append("Save the trajectory");
  report.querySelector("#cost").append(make("p", { class: "small" }, saved, " for ", make("code", {}, "agent replay")));
  report.querySelector("#answer").scrollIntoView({ block: "start" });
}

function addHead(tracks) {
  tracks.append(make("div", { class: "playhead", "aria-hidden": "true" }));
}

// ---- asking

function setRunning(what) {
  running = what;
  find("stop").disabled = what === null;
  find("ask").disabled = what !== null;
}

/** Sends a file up, once. */
async function bringUp(file, signal) {
  if (uploads.has(file)) return uploads.get(file);
  const progress = find("progress");
  progress.hidden = false;
  progress.value = 0;
  say(`Uploading ${file.name}.`);
  try {
    const { id } = await upload(file, { signal, onProgress: (share) => { progress.value = share; } });
    uploads.set(file, id);
    return id;
  } finally {
    progress.hidden = true;
  }
}

/** Submits a question, again and again while the server says that it has no room. */
async function submit(body, signal) {
  for (;;) {
    try {
      return await (await request("/v1/jobs", { body, signal })).json();
    } catch (error) {
      if (error.status !== 429) throw error;
      const seconds = error.retrySeconds || WAIT_SECONDS;
      say(`${error.message}. It is asked again in ${seconds} seconds.`);
      await pause(seconds, signal);
    }
  }
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    setTimeout(resolve, seconds * 1000);
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

function readOptions() {
  const options = find("options").value.split("\n").map((line) => line.trim()).filter(Boolean);
  const body = { task: find("task").value };
  if (options.length) body.options = options;
  for (const name of ["max_frames", "max_seconds"]) {
    if (find(name).value) body[name] = Number(find(name).value);
  }
  return body;
}

async function ask() {
  const chosen = choose(), question = find("question").value.trim();
  if (!chosen) return complain("Choose a video first.", find("file"));
  if (!question) return complain("Write a question.", find("question"));
  complain("");
  const aborting = new AbortController(), { signal } = aborting;
  const stop = () => aborting.abort();
  setRunning({ stop, leave: stop });
  try {
    const video = chosen.video ?? (await bringUp(chosen.file, signal));
    if (chosen.file && !own.has(video)) own.set(video, URL.createObjectURL(chosen.file));
    const body = { video, question, ...readOptions() };
    const [subtitles] = find("subtitles").files;
    if (subtitles) body.subtitles = await bringUp(subtitles, signal);
    if (!find("following").hidden && find("after").checked) body.after = shown.id;
    const job = await submit(body, signal);
    const record = {
      id: job.id, question, video, name: chosen.name, status: job.status, answer: "", after: body.after, at: Date.now(),
    };
    records = [record, ...records].slice(0, MOST_LISTED);
    keepRecords();
    find("question").value = "";
    open(record);
  } catch (error) {
    setRunning(null);
    if (error.name === "AbortError") return say("Stopped before it was asked.");
    say("");
    if (!(error instanceof Refused)) throw error;
    complain(error.message);
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!running) ask();
});
find("question").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});
find("stop").addEventListener("click", () => running?.stop());
find("choice").addEventListener("input", (event) => {
  // one video is chosen at a time: the last way that was taken
  for (const id of ["file", "stored", "path"]) if (id !== event.target.id) find(id).value = "";
  const [file] = find("file").files;
  if (file) play(`${file.name} ${file.lastModified}`, URL.createObjectURL(file), file.name);
  showFollowing();
});
find("forget").addEventListener("click", () => {
  records = [];
  keepRecords();
  find("question").focus();
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", () => document.body.classList.remove("dropping"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  if (!event.dataTransfer.files.length) return;
  find("file").files = event.dataTransfer.files;
  find("file").dispatchEvent(new Event("input", { bubbles: true }));
});

showRecords();
listUploads().catch((error) => complain(error.message));
const wanted = new URLSearchParams(location.search).get("job");
const begun = records.find((record) => record.id === wanted);
if (begun) open(begun);
