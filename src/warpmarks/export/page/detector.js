// The exported graph in onnxruntime-web: WebGPU where there is one, else WebAssembly.

const NAMES = { webgpu: 'WebGPU', wasm: 'WebAssembly' };

// Fetches refuse a file whose hash is another, also where a module or WebAssembly would not.
async function fetchChecked({ url, integrity }) {
  let response;
  try {
    response = await fetch(url, { integrity });
  } catch (error) {
    const { host } = new URL(url, location.href);
    const why = host === location.host ? 'or is not the file that was exported'
      : `or is another file; warpmarks export --runtime makes a page that does not need ${host}`;
    throw new Error(`${url} cannot be had (${error.message}): it is out of reach, ${why}`);
  }
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response.arrayBuffer();
}

const asModule = (bytes) => URL.createObjectURL(new Blob([bytes], { type: 'text/javascript' }));

async function openSession(kind, settings, model) {
  const files = await Promise.all(settings.runtime[kind].map(fetchChecked));
  const [script, glue, binary] = files;
  const ort = await import(asModule(script));
  ort.env.logLevel = 'error';
  ort.env.wasm.wasmPaths = { mjs: asModule(glue) };
  ort.env.wasm.wasmBinary = binary;
  // Threads need headers that few servers send.
  ort.env.wasm.numThreads = globalThis.crossOriginIsolated
    ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;
  const session = await ort.InferenceSession.create(
    model, { executionProviders: [kind], logSeverityLevel: 3 },
  );
  return { ort, session };
}

// An adapter in software, which stands in where there is no GPU, is slower than WebAssembly.
async function hasGpu() {
  try {
    const adapter = await navigator.gpu?.requestAdapter();
    return Boolean(adapter) && !adapter.info?.isFallbackAdapter;
  } catch {
    return false;
  }
}

async function chosenKinds() {
  const asked = new URLSearchParams(location.search).get('engine');
  if (asked === 'wasm' || (asked !== 'webgpu' && !(await hasGpu()))) return ['wasm'];
  return ['webgpu', 'wasm'];
}

// The bytes of warpmarks.export.web.check_picture.
function checkPicture(size) {
  return Uint8Array.from({ length: size * size * 3 }, (_, at) => (at * 37 + Math.floor(at / 96) * 11) % 256);
}

// An engine may compute wrongly on one device's driver: it is taken if it finds what Python found,
// in the middle: on a picture of nothing some maps are torn, and rounding moves their landmarks.
async function openAndCheck(kind, settings, model) {
  const opened = await openSession(kind, settings, model);
  const { ort, session } = opened;
  const { size, landmarks, tolerance } = settings.check;
  const images = new ort.Tensor('uint8', checkPicture(size), [1, size, size, 3]);
  const found = await (await session.run({ images })).landmarks.getData();
  const apart = landmarks.map((value, at) => Math.abs(value - found[at])).sort((a, b) => a - b);
  const off = apart[Math.floor(apart.length / 2)];
  if (!(off <= tolerance)) {
    await session.release();
    throw new Error(`${NAMES[kind]} finds landmarks ${off} px off on this device`);
  }
  return opened;
}

export async function openDetector(settings, say) {
  say('Loading the detector');
  const model = new Uint8Array(await fetchChecked(settings.model));
  const kinds = await chosenKinds();
  let opened = null;
  let kind = null;
  for (kind of kinds) {
    try {
      say(`Loading ${NAMES[kind]}`);
      opened = await openAndCheck(kind, settings, model);
      break;
    } catch (error) {
      if (kind === kinds.at(-1)) throw error;
      console.warn(`${NAMES[kind]} cannot be used here: ${error}`);
    }
  }
  const { ort, session } = opened;
  return {
    engine: NAMES[kind],

    // Landmarks, scores and points on an ImageData, in its pixels.
    async find({ data, width, height }) {
      const bytes = new Uint8Array(width * height * 3);
      for (let from = 0, to = 0; from < data.length; from += 4) {
        bytes[to++] = data[from];
        bytes[to++] = data[from + 1];
        bytes[to++] = data[from + 2];
      }
      const images = new ort.Tensor('uint8', bytes, [1, height, width, 3]);
      const results = await session.run({ images });
      const found = {};
      for (const [name, tensor] of Object.entries(results)) found[name] = await tensor.getData();
      return found;
    },
  };
}
