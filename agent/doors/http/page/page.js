// The page of the server: a video and a question go in, the run is watched, and its report is taken into the page.

import { Live, formatTime, make } from "./live.js";
import { enliven } from "./report.js";
import { Refused, follow, request, upload } from "./server.js";

const LISTED = "video-sleuth-questions";
const MOST_LISTED = 100;
const MOST_TIMES = 8;
const SIGNS = new Map([[true, "found"], [false, "not found"], [null, "not checked"]]);
const STILL_SECONDS = 0.3;
const WAIT_SECONDS = 5;
const LONG_WAIT_SECONDS = 30;

const find = (id) => document.getElementById(id);
const form = find("asking"), player = find("player"), report = find("report"), stage = find("stage");
const uploads = new WeakMap();  // ids by File, so that a file goes up once
const own = new Map();  // addresses of files of this device by the ids of their uploads
let records = readRecords();
let added = [];  // videos of the question beside those in the fields
let shown = null;  // the record on the page
let running = null;  // {stop} while there is something to stop
let playing = "";  // the video in the player, by its name at the server
let showing = 1;  // its number among those of the question
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
    return Array.isArray(kept) ? kept.filter(({ videos }) => videos) : [];  // earlier pages kept them otherwise
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
    const names = record.videos.map(({ name }) => name).join(", ");
    const told = make("p", {}, `${names}: `, make("span", { class: "said" }, record.answer || record.status));
    return make("li", {}, button, make("span", { class: "soft small" }, when), told);
  }));
}

// ---- which videos

function readFields() {
  const files = [...find("file").files].map((file) => ({ file, name: file.name }));
  if (files.length) return files;
  const stored = find("stored"), path = find("path").value.trim();
  if (stored.value) return [{ video: stored.value, name: stored.selectedOptions[0].textContent }];
  return path ? [{ video: path, name: path.split("/").pop() }] : [];
}

function clearFields(but = null) {
  for (const id of ["file", "stored", "path"]) if (id !== but) find(id).value = "";
}

function choose() {
  return [...added, ...readFields()];
}

/** Makes videos of the server the chosen ones. */
function take(videos) {
  clearFields();
  setAdded(videos.length > 1 ? videos : []);
  if (videos.length > 1) return;
  const [{ video, name }] = videos, stored = find("stored");
  const isListed = () => [...stored.options].some((option) => option.value === video);
  if (video.startsWith("file-") && !isListed()) find("uploaded").append(make("option", { value: video }, name));
  if (isListed()) stored.value = video;
  else find("path").value = video;
}

function setAdded(videos) {
  added = videos;
  find("chosen").hidden = !added.length;
  find("chosen").replaceChildren(...added.map((one) => {
    const remove = make("button", { type: "button", "aria-label": `Remove ${one.name}` }, "Remove");
    remove.addEventListener("click", () => {
      setAdded(added.filter((other) => other !== one));
      showFollowing();
      find("further").focus();
    });
    return make("li", {}, make("span", { class: "said" }, one.name), remove);
  }));
}

async function listVideos() {
  const [uploads, videos] = await Promise.all(["/v1/files", "/v1/videos"].map(async (path) => (
    (await request(path)).json()
  )));
  find("uploaded").append(...uploads.data.map(({ id, filename }) => make("option", { value: id }, filename)));
  find("allowed").append(...videos.data.map(({ name }) => make("option", { value: name }, name)));
  find("folders").append(...videos.folders.map(({ name }) => (
    make("option", { value: name }, name === "." ? "everything" : `${name}/`)
  )));
}

async function listPolicies() {
  const { data } = await (await request("/v1/models")).json();
  if (data.length < 2) return;
  const makeOptions = () => data.map(({ id, policy }) => make("option", { value: id }, policy));
  find("policy").append(...makeOptions());
  find("beside").append(...makeOptions());
  find("policies").hidden = false;
}

function showFollowing() {
  const chosen = choose();
  const isSame = chosen.length === shown?.videos.length && chosen.every((v, i) => v.video === shown.videos[i].video);
  find("following").hidden = !(shown?.isReported && isSame);
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

/** Puts a video of the question that is shown into the player. */
function showVideo(number) {
  const { video, name } = listLookedInto(shown)[number - 1];
  showing = number;
  play(video, own.get(video) ?? `/v1/jobs/${shown.id}/video?number=${number}`, name);
  [...find("which").children].forEach((button, index) => {
    button.setAttribute("aria-pressed", String(index + 1 === number));
  });
}

/** The videos that a question looks into: those that were found for it where it is about a folder. */
function listLookedInto({ videos, found = videos }) {
  return found;
}

function offerVideos(record) {
  const videos = listLookedInto(record);
  find("which").hidden = videos.length < 2;
  find("which").replaceChildren(...videos.map(({ name }, index) => {
    const button = make("button", { type: "button" }, `Video ${index + 1}, `, make("span", { class: "said" }, name));
    button.addEventListener("click", () => showVideo(index + 1));
    return button;
  }));
}

/** The number of the video that tracks are of. */
function readNumber(tracks) {
  return Number(/\bof-(\d+)/.exec(tracks.className)?.[1] ?? 1);
}

/** Moves the player; `boxes` of a frame are laid over it until it moves on. */
function seek(seconds, canvas = null, number = 1) {
  const boxes = find("boxes");
  if (shown) showVideo(number);
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
    const { video, start, stop } = line.dataset;
    line.classList.toggle("now", Number(video) === showing && now >= Number(start) && now < Number(stop));
  }
  for (const head of document.querySelectorAll(".tracks .playhead")) {
    head.hidden = readNumber(head.parentElement) !== showing;
    head.style.setProperty("--at", now / Number(head.parentElement.dataset.seconds || 1));
  }
});
document.addEventListener("click", (event) => {
  const field = event.target.closest(".tracks .field");
  if (!field || event.target.closest("a")) return;
  const { left, width } = field.getBoundingClientRect(), tracks = field.closest(".tracks");
  seek((Number(tracks.dataset.seconds) * (event.clientX - left)) / width, null, readNumber(tracks));
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
  take(record.videos);
  showFollowing();
  showRecords();
  compare(record);
  watch(record);
}

function watch(record) {
  const [turns, seen, lines] = ["turns-so-far", "seen", "lines"].map(find);
  const live = new Live(record.id, { turns, seen, lines, addHead, seek });
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
        if (event.name === "found_videos") record.found = event.value.map((name) => ({ video: name, name }));
        if (event.name === "video") {
          offerVideos(record);
          showVideo(1);
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
      for (const { id } of [record, record.beside ?? record]) {
        request(`/v1/jobs/${id}/cancel`, { method: "POST" }).catch((error) => complain(error.message));
      }
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
    const number = Number(exhibit.dataset.video ?? 1);
    jump.addEventListener("click", () => seek(canvas ? Number(frame.dataset.seconds) : start, canvas, number));
    exhibit.querySelector(".facts").append(jump);
  }
  offerReceipt(record);
  const saved = make("a", { href: `/v1/jobs/${record.id}/trajectory`, download: `${record.id}.json` });
  saved.append("Save the trajectory");
  report.querySelector("#cost").append(make("p", { class: "small" }, saved, " for ", make("code", {}, "agent replay")));
  report.querySelector("#answer").scrollIntoView({ block: "start" });
}

/** A button that has what the answer cites looked for in the video again. */
function offerReceipt(record) {
  const button = make("button", { type: "button", id: "verify" }, "Look for it in the video again");
  const told = make("div", { role: "status" });
  button.addEventListener("click", async () => {
    button.disabled = true;
    told.textContent = "Frames are decoded, and words read or heard, once more. No model takes part.";
    try {
      const { sentence, checks } = await (await request(`/v1/jobs/${record.id}/verify`, { method: "POST" })).json();
      const items = checks.map(({ claim, is_found: isFound, found }) => (
        make("li", {}, `${SIGNS.get(isFound)}: `, make("span", { class: "said" }, `${claim} (${found})`))
      ));
      told.replaceChildren(make("p", {}, `${sentence}.`), make("ul", { class: "receipt" }, ...items));
    } catch (refused) {
      if (!(refused instanceof Refused)) throw refused;
      told.textContent = refused.message;
    }
    button.disabled = false;
  });
  report.querySelector("#evidence h2")?.after(make("p", { class: "buttons" }, button), told);
}

// ---- two policies side by side

/** The record with its second run in the place of the first. */
function swap(record) {
  const { id, policy, beside } = record;
  return { ...record, ...beside, beside: { id, policy } };
}

function compare(record) {
  find("versus").hidden = !record.beside;
  find("sides").replaceChildren();
  if (!record.beside) return;
  for (const one of [record, swap(record)]) {
    const side = make("article", { class: "side" }, make("h3", { class: "said" }, one.policy), make("p", {}, "At work."));
    find("sides").append(side);
    fillSide(side, one, record).catch((error) => {
      side.lastChild.textContent = error.message;
    });
  }
}

async function fillSide(side, one, record) {
  let job;
  do {
    job = await (await request(`/v1/jobs/${one.id}?wait_seconds=${LONG_WAIT_SECONDS}`)).json();
    if (shown !== record) return;
  } while (job.status === "waiting" || job.status === "running");
  const result = job.result ?? {};
  const events = result.predictions?.map(({ event }) => event).join("; ");
  const answer = (result.answer ?? result.summary ?? events) || job.error || job.status;
  side.lastChild.replaceWith(make("p", {}, make("b", { class: "said" }, answer)));
  if (!job.result) return;
  const { confidence, usage, evidence = [] } = result;
  const sure = typeof confidence === "number" ? `${Math.round(100 * confidence)} % confident, ` : "";
  side.append(make("p", { class: "soft" }, `${sure}${usage.turns} turns, ${usage.seconds.toFixed(1)} s`));
  const times = evidence.slice(0, MOST_TIMES).map(({ start_seconds: start, video }) => {
    const jump = make("button", { type: "button", class: "jump" }, `${video ? `video ${video}, ` : ""}${formatTime(start)}`);
    jump.addEventListener("click", () => seek(start, null, video ?? 1));
    return jump;
  });
  side.append(make("p", { class: "times" }, ...times));
  if (one === record) return;
  const turn = make("button", { type: "button" }, "Show its report");
  turn.addEventListener("click", () => open(one));
  side.append(turn);
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

/** The choice of a policy as a part of the request; null for none. */
function readPolicy(id) {
  return find(id).value ? { model: find(id).value } : null;
}

async function ask() {
  const chosen = choose(), question = find("question").value.trim();
  if (!chosen.length) return complain("Choose a video first.", find("file"));
  if (!question) return complain("Write a question.", find("question"));
  complain("");
  const aborting = new AbortController(), { signal } = aborting;
  const stop = () => aborting.abort();
  setRunning({ stop, leave: stop });
  try {
    const videos = [];
    for (const { video, file, name } of chosen) {
      const id = video ?? (await bringUp(file, signal));
      if (file && !own.has(id)) own.set(id, URL.createObjectURL(file));
      videos.push({ video: id, name });
    }
    const ids = videos.map(({ video }) => video), [policy, beside] = ["policy", "beside"].map(readPolicy);
    const body = { video: ids.length === 1 ? ids[0] : ids, question, ...readOptions() };
    const [subtitles] = find("subtitles").files;
    if (subtitles) body.subtitles = await bringUp(subtitles, signal);
    if (!find("following").hidden && find("after").checked) body.after = shown.id;
    const job = await submit({ ...body, ...policy }, signal);
    const record = {
      id: job.id, question, videos, status: job.status, answer: "", after: body.after, at: Date.now(),
      policy: job.policy,
    };
    if (beside) {
      const other = await submit({ ...body, ...beside }, signal);
      record.beside = { id: other.id, policy: other.policy };
    }
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
  clearFields(event.target.id);  // the last way that was taken counts
  const [file] = find("file").files;
  if (file) play(`${file.name} ${file.lastModified}`, URL.createObjectURL(file), file.name);
  showFollowing();
});
find("further").addEventListener("click", () => {
  const fields = readFields();
  if (!fields.length) return complain("Choose a video first, then add it and choose the next one.", find("file"));
  complain("");
  setAdded([...added, ...fields]);
  clearFields();
  showFollowing();
  say(`Chosen so far: ${added.map(({ name }) => name).join(", ")}. Choose the next one.`);
  find("file").focus();
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
for (const listing of [listVideos(), listPolicies()]) listing.catch((error) => complain(error.message));
const wanted = new URLSearchParams(location.search).get("job");
const both = records.flatMap((record) => (record.beside ? [record, swap(record)] : [record]));
const begun = both.find((record) => record.id === wanted);
if (begun) open(begun);
