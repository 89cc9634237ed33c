// The same as main.c in Node: node main.mjs DIGITS.MJS IMAGES
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

const [path, file] = process.argv.slice(2);
const { load } = await import(pathToFileURL(path));
const digits = await load();
const images = new Float32Array(Uint8Array.from(await readFile(file)).buffer);
const hexadecimal = (array) => Buffer.from(array.buffer).toString("hex");
for (let i = 0; i < 500; i++) digits(images.subarray(0, 64)); // Node compiles again what runs often
for (let i = 0; i < images.length; i += 64) {
  const start = process.hrtime.bigint();
  const result = digits(images.subarray(i, i + 64));
  const took = process.hrtime.bigint() - start;
  console.log(`${hexadecimal(BigUint64Array.of(took))}\n${hexadecimal(result)}`);
}
