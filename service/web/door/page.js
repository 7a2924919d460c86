// The page: what it knows (fetched when there is a network, kept for when there is none), what it is shown, what it says.

import { fileStatus, judge, readKnown } from "./checker.js";
import { FILES, LABELS, ROLES, STATES, age, chinaTime } from "./words.js";

const LONGEST_SIDE = 1600, PAUSE = 120, PATIENCE = 400; // pixels; milliseconds between frames; of trying one picture
const SHELF = "liangze-known", LIST = "v/known.json", LONGEST_WAIT = 5000;
const at = (id) => document.getElementById(id);
let known = null, trouble = null;

async function kept() {
  const found = await (await caches.open(SHELF)).match(LIST);
  return found ? found.text() : null;
}

// The list on the shelf was believed before; only one of its keys can bring a new one, and never an older one.
async function learn() {
  const before = await kept();
  if (before) known = await readKnown(before);
  let fresh;
  try {
    const late = new AbortController();
    setTimeout(() => late.abort(), LONGEST_WAIT);
    const answer = await fetch(LIST, { cache: "no-cache", signal: late.signal });
    if (!answer.ok) throw new Error(answer.status);
    fresh = await answer.text();
  } catch {
    return false;
  }
  try {
    const value = await readKnown(fresh, known ? known.keys : []);
    if (known && value.issued < known.issued) return true;
    known = value;
    trouble = null;
    await (await caches.open(SHELF)).put(LIST, new Response(fresh));
  } catch {
    trouble = "false_list";
  }
  return true;
}

function say([css, sign, words, meaning]) {
  at("verdict").className = css;
  at("sign").textContent = sign;
  at("words").textContent = words;
  at("meaning").textContent = meaning;
}

function fill(list, rows) {
  list.textContent = "";
  list.append(...rows.flatMap(([label, value]) => {
    const [term, detail] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = label;
    detail.textContent = value;
    return [term, detail];
  }));
}

function shown(key, value) {
  if (key === "kind") return known.kinds[value] || value;
  if (key === "date") return chinaTime(`${value}T00:00:00+08:00`).split(" ")[0];
  if (key !== "signed") return String(value);
  return value.map((one) => `${ROLES[one.role] || one.role} ${one.name || one.unit} ${chinaTime(one.time)}`).join("；");
}

function showKnown(online) {
  at("connection").textContent = online ? "已联网，名单为最新" : "没有连上服务器，按本机名单查验";
  if (!known) return;
  at("as-of").textContent = `数据截至 ${chinaTime(known.issued)}（${age(known.issued, new Date())}），${chinaTime(known.expires)} 前有效。`;
  at("voucher").textContent = known.demo ? "演示系统：密钥公开，任何人都能仿造，结论没有证明力。" : "";
}

async function check(code) {
  at("claim").hidden = at("file").hidden = true;
  if (trouble || !known) return say(STATES[trouble || "no_list"]);
  const { state, claim } = await judge(code, known, new Date());
  say(STATES[state]);
  if (claim === null) return;
  at("claim").hidden = false;
  at("original").href = `original?number=${encodeURIComponent(claim.number)}`;
  const rows = Object.entries(LABELS).filter(([key]) => claim[key] !== undefined && claim[key] !== null);
  fill(at("fields"), rows.map(([key, label]) => [label, shown(key, claim[key])]));
}

async function checkFile(file) {
  at("claim").hidden = true;
  if (trouble || !known) return say(STATES[trouble || "no_list"]);
  const found = await fileStatus(await new Response(file).arrayBuffer(), known);
  const late = new Date() > new Date(known.expires);
  const state = found === null ? "absent" : found === "completed" && late ? "stale" : found in FILES ? found : "incomplete";
  say(FILES[state]);
  at("file").hidden = false;
  fill(at("file-fields"), [["文件", file.name], ["数据截至", chinaTime(known.issued)]]);
}

// ---- reading codes with the camera or from a picture: by the browser where it can, else by a reader of our own

async function detector() {
  if (!("BarcodeDetector" in window)) return null;
  const formats = await window.BarcodeDetector.getSupportedFormats();
  return formats.includes("qr_code") ? new window.BarcodeDetector({ formats: ["qr_code"] }) : null;
}

// Return what reads the code in a video or picture, or null where there is none: a function of the source.
async function codeReader() {
  const own = await detector().catch(() => null);
  if (own) {
    return async (source) => {
      const [first] = await own.detect(source);
      return first ? first.rawValue : null;
    };
  }
  const { decodeQR } = await import("./vendor/decode.js");
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  return async (source) => {
    const [wide, high] = [source.videoWidth || source.width, source.videoHeight || source.height];
    const scale = Math.min(1, LONGEST_SIDE / Math.max(wide, high));
    canvas.width = Math.round(wide * scale);
    canvas.height = Math.round(high * scale);
    if (!canvas.width || !canvas.height) return null;
    context.drawImage(source, 0, 0, canvas.width, canvas.height);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    try {
      return decodeQR({ width: canvas.width, height: canvas.height, data }, { timeLimit: PATIENCE });
    } catch {
      return null; // no code in it
    }
  };
}

async function readPicture(file) {
  let text = null;
  try {
    text = await (await codeReader())(await createImageBitmap(file));
  } catch {
    // no picture that this browser opens: the server may
  }
  if (text === null && navigator.onLine) {
    const form = new FormData();
    form.append("picture_", file);
    const answer = await fetch("v/read", { method: "POST", body: form }).catch(() => null);
    if (answer && answer.ok) text = (await answer.json()).text;
  }
  if (text === null) return say(["unsure", "?", "图中没有读到二维码", "请靠近、放平再拍，或直接用手机相机、聊天软件扫描。"]);
  await check(text);
}

async function scan() {
  const video = at("live");
  const stream = await navigator.mediaDevices.getUserMedia({
    video: { facingMode: "environment", width: { ideal: 1280 } },
  });
  const stop = () => stream.getTracks().forEach((track) => track.stop());
  at("stop").addEventListener("click", stop, { once: true });
  let found = null;
  try {
    const read = await codeReader();
    video.srcObject = stream;
    video.hidden = at("stop").hidden = false;
    at("camera").hidden = true;
    await video.play();
    while (found === null && stream.active) {
      found = await read(video);
      await new Promise((next) => setTimeout(next, PAUSE));
    }
  } finally {
    stop();
    video.hidden = at("stop").hidden = true;
    at("camera").hidden = false;
  }
  if (found !== null) await check(found);
}

async function begin() {
  if ("serviceWorker" in navigator) navigator.serviceWorker.register("v/worker.js", { scope: "v" }).catch(() => {});
  at("photo").addEventListener("change", (event) => event.target.files[0] && readPicture(event.target.files[0]));
  at("pdf").addEventListener("change", (event) => event.target.files[0] && checkFile(event.target.files[0]));
  at("camera").addEventListener("click", () => scan().catch(() => say(["unsure", "?", "摄像头不可用", "请允许使用摄像头，或用拍照、选图的方式。"])));
  at("camera").hidden = !navigator.mediaDevices; // browsers give the camera to https pages only
  window.addEventListener("hashchange", () => check(location.hash));
  const online = await learn().catch(() => false);
  showKnown(online);
  if (location.hash.length > 1) await check(location.hash);
  document.documentElement.dataset.ready = "yes";
}

begin();
