// The exported graph in onnxruntime-web: WebGPU where there is one, else WebAssembly.

const NAMES = { webgpu: 'WebGPU', wasm: 'WebAssembly' };

// Fetches refuse a file whose hash is another, also where a module or WebAssembly would not.
async function fetchChecked({ url, integrity }) {
  const response = await fetch(url, { integrity });
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
  const session = await ort.InferenceSession.create(model, { executionProviders: [kind] });
  return { ort, session };
}

async function hasGpu() {
  try {
    return Boolean(navigator.gpu && (await navigator.gpu.requestAdapter()));
  } catch {
    return false;
  }
}

export async function openDetector(settings, say) {
  say('Loading the detector');
  const model = new Uint8Array(await fetchChecked(settings.model));
  const asked = new URLSearchParams(location.search).get('engine');
  const kinds = asked === 'wasm' || !(await hasGpu()) ? ['wasm'] : ['webgpu', 'wasm'];
  let opened = null;
  let kind = null;
  for (kind of kinds) {
    try {
      say(`Loading ${NAMES[kind]}`);
      opened = await openSession(kind, settings, model);
      break;
    } catch (error) {
      if (kind === kinds.at(-1)) throw error;
    }
  }
  const { ort, session } = opened;
  // The first run prepares much that the others use.
  await session.run({ images: new ort.Tensor('uint8', new Uint8Array(64 * 64 * 3), [1, 64, 64, 3]) });
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
