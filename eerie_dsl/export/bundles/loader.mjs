// Every buffer starts at a multiple of this, as the kernels assume.
const ALIGNMENT = 64;
const VERSION = 6;
const ARRAYS = {
  bool: Uint8Array, int8: Int8Array, int16: Int16Array, int32: Int32Array, int64: BigInt64Array,
  uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, uint64: BigUint64Array,
  float16: Uint16Array, bfloat16: Uint16Array, float32: Float32Array, float64: Float64Array,
  complex64: Float32Array, complex128: Float64Array,
};

async function bytes(source) {
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return source;
  const url = new URL(source, import.meta.url);
  if (url.protocol === "file:") return (await import("node:fs/promises")).readFile(url);
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${answer.statusText}`);
  return answer.arrayBuffer();
}

/**
 * Load the bundle; gives its function. What it calls is typed arrays in, typed arrays out.
 * A function runs one call at a time, in memory of its own: load it once for each worker.
 *
 * @param {{wasm?: string|URL|BufferSource, weights?: string|URL|BufferSource}} [from] where else the files are
 */
export async function load(from = {}) {
  const [code, weights] = await Promise.all([
    bytes(from.wasm ?? bundle.wasm),
    bundle.weights ? bytes(from.weights ?? bundle.weights.file) : new ArrayBuffer(0),
  ]);
  if (bundle.weights && weights.byteLength !== bundle.weights.bytes) {
    throw new Error(`${bundle.weights.file} has ${weights.byteLength} bytes; it should have ${bundle.weights.bytes}`);
  }
  const { instance } = await WebAssembly.instantiate(code, { env: functions });
  const { memory, __heap_base: base, __indirect_function_table: table, ...rest } = instance.exports;

  let end = base.value;
  const take = (size) => {
    const start = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    end = start + size;
    return start;
  };
  const places = {
    weights: [take(weights.byteLength)],
    workspace: [take(bundle.workspace)],
    argument: bundle.arguments.map((part) => take(part.bytes)),
    result: bundle.results.map((part) => take(part.bytes)),
  };
  const environment = take(80);
  const group = take(24);
  const calls = bundle.steps.map((step) => step.kernel && {
    state: take(36), constants: take(4 * step.constants.length), pointers: take(4 * step.spans.length),
    lengths: take(4 * step.spans.length),
  });
  if (end > memory.buffer.byteLength) memory.grow(Math.ceil((end - memory.buffer.byteLength) / 65536));
  const view = new DataView(memory.buffer);
  const word = (place, value) => view.setUint32(place, value, true);
  const read = (place) => view.getUint32(place, true);
  new Uint8Array(memory.buffer, places.weights[0], weights.byteLength).set(
    ArrayBuffer.isView(weights) ? new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength)
      : new Uint8Array(weights));

  const kernels = {};
  const at = rest[bundle.query](VERSION, environment);
  const library = at && read(at);
  if (!library || read(library) !== VERSION) throw new Error(`${bundle.wasm} is of another version`);
  const [imports, count, pointers, attributes, names, constants] = [4, 12, 16, 20, 32, 52].map((o) => read(at + o));
  if (imports || constants) throw new Error("the kernels need what only a runtime has");
  for (let i = 0; i < count; i++) {
    let name = "";
    for (let p = read(names + 4 * i); view.getUint8(p); p++) name += String.fromCharCode(view.getUint8(p));
    if (view.getUint16(attributes + 64 * i + 8, true)) throw new Error(`${name} needs memory of a runtime`);
    kernels[name] = table.get(read(pointers + 4 * i));
  }
  const address = ([place, index, offset]) => places[place][index] + offset;
  bundle.steps.forEach((step, i) => {
    const call = calls[i];
    if (!call) return;
    if (!kernels[step.kernel]) throw new Error(`${bundle.wasm} has no kernel ${step.kernel}`);
    const [x, y, z] = step.workgroups;
    [1, 1].forEach((n, k) => word(call.state + 4 * k, n));
    view.setUint16(call.state + 8, 1, true);
    view.setUint16(call.state + 10, step.constants.length, true);
    word(call.state + 12, x);
    word(call.state + 16, y);
    view.setUint16(call.state + 20, z, true);
    view.setUint8(call.state + 22, 1);
    view.setUint8(call.state + 23, step.spans.length);
    [call.constants, call.pointers, call.lengths].forEach((place, k) => word(call.state + 24 + 4 * k, place));
    step.constants.forEach((value, k) => word(call.constants + 4 * k, value));
    step.spans.forEach((span, k) => {
      word(call.pointers + 4 * k, address(span));
      word(call.lengths + 4 * k, span[3]);
    });
  });

  const launch = (step, call) => {
    const [x, y, z] = step.workgroups;
    for (let k = 0; k < z; k++) for (let j = 0; j < y; j++) for (let i = 0; i < x; i++) {
      word(group, i);
      word(group + 4, j);
      view.setUint16(group + 8, k, true);
      if (kernels[step.kernel](environment, call.state, group)) throw new Error(`${step.kernel} failed`);
    }
  };
  const fill = (target, pattern) => {
    const into = new Uint8Array(memory.buffer, address(target), target[3]);
    for (let i = 0; i < into.length; i++) into[i] = pattern[i % pattern.length];
  };
  const array = (part, place) => {
    const kind = ARRAYS[part.dtype];
    return new kind(memory.buffer, place, part.bytes / kind.BYTES_PER_ELEMENT);
  };

  return function run(...given) {
    if (given.length !== bundle.arguments.length) {
      throw new TypeError(`${bundle.name} takes ${bundle.arguments.length} arguments, got ${given.length}`);
    }
    bundle.arguments.forEach((part, i) => {
      const into = array(part, places.argument[i]);
      if (!(given[i] instanceof into.constructor) || given[i].length !== into.length) {
        const found = given[i]?.length === undefined ? typeof given[i] : `${given[i].constructor.name} of ${given[i].length}`;
        throw new TypeError(`${part.name} has to be a ${into.constructor.name} of ${into.length}, not ${found}`);
      }
      into.set(given[i]);
    });
    bundle.steps.forEach((step, i) => {
      if (step.kernel) launch(step, calls[i]);
      else if (step.pattern) fill(step.target, step.pattern);
      else new Uint8Array(memory.buffer).copyWithin(address(step.target), address(step.source), address(step.source) + step.source[3]);
    });
    const results = bundle.results.map((part, i) => array(part, places.result[i]).slice());
    return results.length === 1 ? results[0] : Object.fromEntries(bundle.results.map((p, i) => [p.name, results[i]]));
  };
}
