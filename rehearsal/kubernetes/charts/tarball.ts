import { crc32, gunzipSync } from "node:zlib";

/** One file of an archive. */
export interface ArchivedFile {
  /** Path inside the archive, with `/`. */
  readonly path: string;
  readonly content: Buffer;
}

const BLOCK = 512;
/** The largest stored block of deflate. */
const STORED_BLOCK = 65535;
/** Largest unpacked archive that is read, in bytes; Helm's own limit for charts is 100 MiB. */
const LARGEST_BYTES = 100 * 1024 * 1024;

function octal(value: number, length: number): string {
  return `${value.toString(8).padStart(length - 1, "0")}\0`;
}

function header({ path, content }: ArchivedFile): Buffer {
  const block = Buffer.alloc(BLOCK);
  if (Buffer.byteLength(path) > 100) {
    throw new Error(`The path ${path} is longer than the 100 bytes that a tar header takes.`);
  }
  block.write(path, 0);
  block.write(octal(0o644, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(content.length, 12), 124);
  block.write(octal(0, 12), 136);
  block.write(" ".repeat(8), 148);
  block.write("0", 156);
  block.write("ustar\0", 257);
  block.write("00", 263);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

function padding(length: number): Buffer {
  return Buffer.alloc((BLOCK - (length % BLOCK)) % BLOCK);
}

/** A gzip stream that stores without compressing: the same bytes on every machine and with every zlib. */
function gzipStored(data: Buffer): Buffer {
  const head = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
  const blocks: Buffer[] = [];
  for (let from = 0; from === 0 || from < data.length; from += STORED_BLOCK) {
    const part = data.subarray(from, from + STORED_BLOCK);
    const lengths = Buffer.alloc(5);
    lengths.writeUInt8(from + STORED_BLOCK >= data.length ? 1 : 0, 0);
    lengths.writeUInt16LE(part.length, 1);
    lengths.writeUInt16LE(~part.length & 0xffff, 3);
    blocks.push(lengths, part);
  }
  const tail = Buffer.alloc(8);
  tail.writeUInt32LE(crc32(data), 0);
  tail.writeUInt32LE(data.length % 2 ** 32, 4);
  return Buffer.concat([head, ...blocks, tail]);
}

/** A `.tgz` with the files in the given order; the same files give the same bytes everywhere. */
export function pack(files: readonly ArchivedFile[]): Buffer {
  const entries = files.flatMap((file) => [header(file), file.content, padding(file.content.length)]);
  return gzipStored(Buffer.concat([...entries, Buffer.alloc(2 * BLOCK)]));
}

function textAt(block: Buffer, from: number, length: number): string {
  const field = block.subarray(from, from + length);
  const end = field.indexOf(0);
  return field.subarray(0, end < 0 ? length : end).toString("utf8");
}

/**
 * The regular files of a `.tgz`. Extended headers are skipped: charts have short paths.
 * @throws Error when it is no such archive
 */
export function unpack(archive: Buffer): readonly ArchivedFile[] {
  const data = gunzipSync(archive, { maxOutputLength: LARGEST_BYTES });
  const files: ArchivedFile[] = [];
  for (let at = 0; at + BLOCK <= data.length;) {
    const block = data.subarray(at, at + BLOCK);
    if (block.every((byte) => byte === 0)) {
      break;
    }
    const size = Number.parseInt(textAt(block, 124, 12).trim(), 8);
    if (!textAt(block, 257, 6).startsWith("ustar") || !Number.isInteger(size) || at + BLOCK + size > data.length) {
      throw new Error("not a tar archive, or cut off");
    }
    const prefix = textAt(block, 345, 155);
    const path = `${prefix === "" ? "" : `${prefix}/`}${textAt(block, 0, 100)}`;
    const type = textAt(block, 156, 1);
    if (type === "0" || type === "") {
      files.push({ path, content: data.subarray(at + BLOCK, at + BLOCK + size) });
    }
    at += BLOCK + size + padding(size).length;
  }
  return files;
}
