// Keeps a page up to date: asks for it again with its ETag, and puts what has changed in its place.
"use strict";

const EVERY = 10_000; // milliseconds
const PATIENCE = 300_000;
const REST = 20; // times as long as an answer takes, so that what is hard to sum up is not asked for all the time

const indicator = document.getElementById("live");
const news = document.getElementById("news");
// As they came, before other scripts had a hand in them.
const shown = new Map([...document.querySelectorAll("[data-live]")].map((part) => [part.dataset.live, part.innerHTML]));
let wait = EVERY;
let etag = null;
let timer = null;

const clock = () => new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const told = () => new Set([...document.querySelectorAll("[data-news]")].map((element) => element.dataset.news));

function replace(element, fresh) {
  const focused = element.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  element.replaceChildren(...fresh.childNodes);
  if (focused) element.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
}

function show(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  const before = told();
  for (const element of document.querySelectorAll("[data-live]")) {
    const other = fresh.querySelector(`[data-live="${element.dataset.live}"]`);
    if (!other || other.innerHTML === shown.get(element.dataset.live)) continue;
    shown.set(element.dataset.live, other.innerHTML);
    replace(element, other);
  }
  document.dispatchEvent(new Event("shown"));
  news.textContent = [...told()].filter((sentence) => !before.has(sentence)).join(". ");
}

async function ask() {
  const begun = performance.now();
  try {
    const response = await fetch(location.href, { cache: "no-store", headers: etag ? { "If-None-Match": etag } : {} });
    if (!response.ok && response.status !== 304) throw new Error(`status ${response.status}`);
    if (response.status === 200) show(await response.text());
    etag = response.headers.get("ETag") || etag;
    wait = Math.max(EVERY, REST * (performance.now() - begun));
    indicator.textContent = `Live, up to date at ${clock()}`;
  } catch {
    wait = Math.min(2 * wait, PATIENCE);
    indicator.textContent = `The service does not answer; trying again in ${Math.round(wait / 1000)} s`;
  }
  schedule(wait);
}

function schedule(delay) {
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(ask, delay);
}

if (shown.size) {
  indicator.hidden = false;
  indicator.textContent = "Live";
  document.addEventListener("visibilitychange", () => schedule(0));
  schedule(EVERY);
}
