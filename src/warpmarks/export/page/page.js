// Finds landmarks on a picture or the camera, all on this device.

import { openDetector } from './detector.js';

const settings = JSON.parse(document.getElementById('settings').textContent);
const element = (id) => document.getElementById(id);
const SVG = 'http://www.w3.org/2000/svg';
const LONGEST_PICTURE = 2048; // pixels a side, of what is searched: larger ones are reduced first
const LONGEST_FRAME = 640;

const canvas = element('picture');
const context = canvas.getContext('2d', { willReadFrequently: true });
let detector = null;
let found = null; // what is shown: points and landmarks in pixels of the canvas, and its scale
let turn = 0; // goes up with everything that is taken, so that what comes late is dropped
let camera = null;
let file = 'picture';

function say(text, bad = false) {
  element('status').textContent = text;
  element('status').classList.toggle('bad', bad);
}

function forget() {
  turn += 1;
  found = null;
  element('marks').replaceChildren();
  element('results').hidden = true;
  element('frame').hidden = true;
  element('empty').hidden = false;
}

// The picture on the canvas, over white, reduced where its longest side is longer than `longest`.
function draw(source, width, height, longest) {
  const scale = Math.max(1, Math.max(width, height) / longest);
  canvas.width = Math.max(2, Math.round(width / scale));
  canvas.height = Math.max(2, Math.round(height / scale));
  canvas.style.setProperty('--aspect', width / height);
  context.imageSmoothingQuality = 'high';
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  element('empty').hidden = true;
  element('frame').hidden = false;
  return { x: width / canvas.width, y: height / canvas.height };
}

async function search(scale) {
  const mine = turn;
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  const begun = performance.now();
  const all = await detector.find(pixels);
  if (mine === turn) found = { ...all, scale };
  return performance.now() - begun;
}

function shownKind() {
  return found.points ? document.querySelector('input[name=kind]:checked').value : 'landmarks';
}

function marksOf(kind) {
  const looks = settings[kind];
  return looks.map((look, index) => ({
    ...look,
    x: found[kind][2 * index],
    y: found[kind][2 * index + 1],
    score: kind === 'landmarks' ? found.scores[index] : null,
  }));
}

function make(name, attributes, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

// Names beside the dots, where they cover neither a dot nor another name; the table has them all.
function labels(marks, zoom, radius, shown) {
  const pen = document.createElement('canvas').getContext('2d');
  pen.font = '600 13px system-ui, sans-serif';
  const gap = radius + 5;
  const dots = marks.map((mark) => [(mark.x + 0.5) * zoom, (mark.y + 0.5) * zoom]);
  const taken = dots.map(([x, y]) => [x - radius - 2, y - radius - 2, x + radius + 2, y + radius + 2]);
  const nodes = [];
  marks.forEach((mark, index) => {
    const [x, y] = dots[index];
    const width = pen.measureText(mark.name).width + 4;
    const places = [[x + gap, y - 8], [x - gap - width, y - 8], [x - width / 2, y + gap], [x - width / 2, y - gap - 16]];
    for (const [left, top] of places) {
      const box = [left, top, left + width, top + 16];
      const inside = left >= 0 && top >= 0 && box[2] <= shown.width && box[3] <= shown.height;
      const covers = taken.some((other, owner) => owner !== index
        && box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1]);
      if (inside && !covers) {
        taken.push(box);
        nodes.push(make('text', {
          x: left + 2, y: top + 12.5, 'font-size': 13, 'font-weight': 600, fill: '#ffffff',
          stroke: '#101418', 'stroke-width': 3, 'paint-order': 'stroke', 'stroke-linejoin': 'round',
          'font-family': 'system-ui, sans-serif',
        }, mark.name));
        break;
      }
    }
  });
  return nodes;
}

function drawMarks(marks) {
  const overlay = element('marks');
  const shown = canvas.getBoundingClientRect();
  const frame = element('frame').getBoundingClientRect();
  overlay.style.left = `${shown.left - frame.left}px`;
  overlay.style.top = `${shown.top - frame.top}px`;
  overlay.setAttribute('width', shown.width);
  overlay.setAttribute('height', shown.height);
  const side = Math.min(shown.width, shown.height);
  const share = 0.016 * (10 / Math.max(marks.length, 10)) ** 0.3;
  const radius = Math.min(9, Math.max(3.5, share * side));
  const zoom = shown.width / canvas.width;
  const named = marks.length <= 20 && side >= 240 && marks.some((mark) => mark.named);
  const nodes = [];
  for (const mark of marks) {
    const x = (mark.x + 0.5) * zoom;
    const y = (mark.y + 0.5) * zoom;
    const opacity = mark.score === null ? 1 : 0.25 + 0.75 * Math.min(1, mark.score / 0.5);
    const line = Math.max(1, 0.24 * radius);
    nodes.push(
      make('circle', { cx: x, cy: y, r: radius + 1.6 * line, fill: '#ffffff', 'fill-opacity': 0.85 * opacity }),
      make('circle', { cx: x, cy: y, r: radius, fill: mark.colour, stroke: '#101418', 'stroke-width': line, opacity }),
    );
  }
  if (named) nodes.push(...labels(marks, zoom, radius, shown));
  overlay.replaceChildren(...nodes);
}

function original(mark) {
  return [(mark.x + 0.5) * found.scale.x - 0.5, (mark.y + 0.5) * found.scale.y - 0.5];
}

function fillTable(marks) {
  element('results').hidden = false;
  element('results').classList.toggle('unscored', marks.every((mark) => mark.score === null));
  const rows = element('rows');
  if (rows.children.length !== marks.length || rows.dataset.kind !== shownKind()) {
    rows.dataset.kind = shownKind();
    const one = shownKind() === 'points' ? 'point' : 'landmark';
    element('what').textContent = `${marks.length} ${one}${marks.length === 1 ? '' : 's'}`;
    rows.replaceChildren(...marks.map((mark) => {
      const row = document.createElement('tr');
      const head = document.createElement('th');
      head.scope = 'row';
      const dot = make('svg', { class: 'dot', viewBox: '0 0 16 16', 'aria-hidden': 'true' });
      dot.append(make('circle', { cx: 8, cy: 8, r: 6.5, fill: mark.colour }));
      head.append(dot, mark.name);
      const cells = ['', '', 'score'].map((kind) => {
        const cell = document.createElement('td');
        cell.className = kind;
        return cell;
      });
      row.append(head, ...cells);
      return row;
    }));
  }
  marks.forEach((mark, index) => {
    const row = rows.children[index];
    const [x, y] = original(mark);
    Object.assign(row.dataset, { x, y, score: mark.score ?? '' });
    row.children[1].textContent = fixed(x, 1);
    row.children[2].textContent = fixed(y, 1);
    row.children[3].textContent = mark.score === null ? '' : mark.score.toFixed(2);
  });
}

// What rounds to zero has no sign.
function fixed(value, digits) {
  return (Number(value.toFixed(digits)) + 0).toFixed(digits);
}

function show() {
  if (!found) return;
  const marks = marksOf(shownKind());
  drawMarks(marks);
  fillTable(marks);
}

async function searchPicture(blob, name) {
  stopCamera();
  forget();
  const mine = turn;
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, {
      imageOrientation: 'from-image', colorSpaceConversion: 'none', premultiplyAlpha: 'none',
    });
  } catch {
    if (mine === turn) say(`${name} cannot be read as a picture in this browser`, true);
    return;
  }
  if (mine !== turn) return;
  file = name;
  const { width, height } = bitmap;
  const scale = draw(bitmap, width, height, LONGEST_PICTURE);
  bitmap.close();
  say('Searching');
  try {
    const milliseconds = await search(scale);
    if (mine !== turn) return;
    show();
    say(`${name}, ${width} × ${height}: ${milliseconds.toFixed(0)} ms with ${detector.engine}`);
  } catch (error) {
    if (mine === turn) say(`The search failed: ${error.message}`, true);
  }
}

function refuse(name) {
  stopCamera();
  forget();
  say(`${name} is no picture`, true);
}

function stopCamera() {
  if (!camera) return;
  for (const track of camera.srcObject.getTracks()) track.stop();
  camera = null;
  element('camera').setAttribute('aria-pressed', 'false');
  element('camera').textContent = 'Use camera';
}

async function startCamera() {
  const video = document.createElement('video');
  video.muted = true;
  video.playsInline = true;
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: 'environment', width: { ideal: 640 }, height: { ideal: 480 } },
    });
    await video.play();
  } catch (error) {
    const why = navigator.mediaDevices ? error.message : 'only pages over https or of this machine may use it';
    say(`The camera cannot be used: ${why}`, true);
    return;
  }
  forget();
  camera = video;
  file = 'camera';
  element('camera').setAttribute('aria-pressed', 'true');
  element('camera').textContent = 'Stop camera';
  let pace = 0;
  while (camera === video) {
    const scale = draw(video, video.videoWidth, video.videoHeight, LONGEST_FRAME);
    const milliseconds = await search(scale);
    if (camera !== video) return;
    show();
    pace = pace ? 0.9 * pace + 0.1 * milliseconds : milliseconds;
    say(`Camera, ${canvas.width} × ${canvas.height}: ${pace.toFixed(0)} ms a frame with ${detector.engine}`);
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
}

function save() {
  const lines = ['point,x,y,score'];
  for (const mark of marksOf(shownKind())) {
    const name = /[",\n]/.test(mark.name) ? `"${mark.name.replaceAll('"', '""')}"` : mark.name;
    const place = original(mark).map((value) => fixed(value, 3));
    lines.push([name, ...place, mark.score === null ? '' : mark.score.toFixed(4)].join(','));
  }
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([`${lines.join('\n')}\n`], { type: 'text/csv' }));
  link.download = `${file.replace(/\.[^.]*$/, '')}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function listen() {
  const take = (items) => {
    const files = [...items];
    if (!detector || files.length === 0) return;
    const picture = files.find((item) => item.type.startsWith('image/'));
    if (picture) searchPicture(picture, picture.name);
    else refuse(files[0].name);
  };
  element('file').addEventListener('change', (event) => {
    take(event.target.files);
    event.target.value = ''; // so that the same file can be chosen again
  });
  element('camera').addEventListener('click', () => {
    if (!camera) startCamera();
    else {
      stopCamera();
      say('The camera is off');
    }
  });
  element('save').addEventListener('click', save);
  element('kinds').addEventListener('change', show);
  new ResizeObserver(() => found && drawMarks(marksOf(shownKind()))).observe(element('frame'));
  const stage = element('stage');
  for (const [name, over] of [['dragover', true], ['dragleave', false], ['drop', false]]) {
    stage.addEventListener(name, (event) => {
      event.preventDefault();
      stage.classList.toggle('over', over);
      if (name === 'drop') take(event.dataTransfer.files);
    });
  }
  window.addEventListener('paste', (event) => take(event.clipboardData.files));
}

listen();
try {
  detector = await openDetector(settings, say);
  element('kinds').hidden = !settings.points;
  element('file').disabled = false;
  element('camera').disabled = false;
  say(`Ready, with ${detector.engine}`);
} catch (error) {
  say(`Loading failed: ${error.message}`, true);
}
