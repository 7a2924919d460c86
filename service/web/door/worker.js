// Keeps the page for when there is no network. The files of one version are put by together or not at all; the list
// of keys and dead papers is the page's own to keep and to judge.

const VERSION = "@VERSION@";
const SHELF = `liangze-door-${VERSION}`;
const FILES = ["../v", "style.css", "page.js", "pick.js", "checker.js", "words.js", "manifest.webmanifest", "icon.svg",
  "vendor/decode.js", "vendor/index.js"];
const WANTED = new Set(FILES.map((name) => new URL(name, self.location).pathname));

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELF).then((shelf) => shelf.addAll([...WANTED])).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    const old = (await caches.keys()).filter((name) => name.startsWith("liangze-door-") && name !== SHELF);
    await Promise.all(old.map((name) => caches.delete(name)));
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin || !WANTED.has(url.pathname)) return;
  event.respondWith(
    caches.open(SHELF).then((shelf) => shelf.match(url.pathname)).then((found) => found || fetch(event.request)),
  );
});
