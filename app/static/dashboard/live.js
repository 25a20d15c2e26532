// Keeps a page up to date: requests it again with its ETag and replaces the parts that have changed. The event "moved"
// says that the page has another address, whose parts are requested at once.
"use strict";

const EVERY = 10_000; // milliseconds
const EVERY_MAX = 300_000;
const PAUSE = 20; // wait this many times the duration of the last request, so that slow pages are requested less often

const indicator = document.getElementById("live");
const news = document.getElementById("news");
// The parts as the server sent them, before other scripts change them.
const shown = new Map([...document.querySelectorAll("[data-live]")].map((part) => [part.dataset.live, part.innerHTML]));
let wait = EVERY;
let etag = null;
let timer = null;

const clock = () => new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const currentNews = () => new Set([...document.querySelectorAll("[data-news]")].map((element) => element.dataset.news));

function replace(element, fresh) {
  const focused = element.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  element.replaceChildren(...fresh.childNodes);
  if (focused) element.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
}

function show(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  const before = currentNews();
  for (const element of document.querySelectorAll("[data-live]")) {
    const other = fresh.querySelector(`[data-live="${element.dataset.live}"]`);
    if (!other || other.innerHTML === shown.get(element.dataset.live)) continue;
    shown.set(element.dataset.live, other.innerHTML);
    replace(element, other);
  }
  document.dispatchEvent(new Event("shown"));
  news.textContent = [...currentNews()].filter((sentence) => !before.has(sentence)).join(". ");
}

async function refresh() {
  const begun = performance.now();
  const address = location.href;
  try {
    const response = await fetch(address, { cache: "no-store", headers: etag ? { "If-None-Match": etag } : {} });
    if (!response.ok && response.status !== 304) throw new Error(`status ${response.status}`);
    const text = response.status === 200 ? await response.text() : null;
    if (address !== location.href) return; // "moved" has requested the other address
    if (text !== null) show(text);
    etag = response.headers.get("ETag") || etag;
    wait = Math.max(EVERY, PAUSE * (performance.now() - begun));
    indicator.textContent = `Live, updated at ${clock()}`;
  } catch {
    if (address !== location.href) return;
    wait = Math.min(2 * wait, EVERY_MAX);
    indicator.textContent = `The service does not answer. Next attempt in ${Math.round(wait / 1000)} s`;
  }
  schedule(wait);
}

function schedule(delay) {
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(refresh, delay);
}

if (shown.size) {
  indicator.hidden = false;
  indicator.textContent = "Live";
  document.addEventListener("visibilitychange", () => schedule(0));
  document.addEventListener("moved", () => {
    etag = null;
    clearTimeout(timer);
    refresh();
  });
  schedule(EVERY);
}
