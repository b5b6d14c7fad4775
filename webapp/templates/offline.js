// Answers without a connection: a page that says so, its stylesheet and its icon, and nothing else is ever kept. A verdict is true
// at one moment.
const OFFLINE = {{ offline | tojson }};
const KEPT = [OFFLINE, {{ asset("site.css") | tojson }}, {{ asset("icon.svg") | tojson }}];

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(OFFLINE).then((kept) => kept.addAll(KEPT)));
});

self.addEventListener("activate", (event) => {
  const old = caches.keys().then((names) => names.filter((name) => name !== OFFLINE));
  event.waitUntil(old.then((names) => Promise.all(names.map((name) => caches.delete(name)))));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { pathname, search } = new URL(request.url);
  const wanted = request.mode === "navigate" ? OFFLINE : KEPT.find((address) => address === pathname + search);
  if (wanted) event.respondWith(fetch(request).catch(() => caches.match(wanted)));
});
