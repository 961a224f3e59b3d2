/** IPv4 blocks such as `10.0.0.0/16`. */

/** Whether every address of the second block is in the first. */
export function covers(wide: string, narrow: string): boolean {
  const [[wideAddress, wideBits], [narrowAddress, narrowBits]] = [parts(wide), parts(narrow)];
  const size = 2 ** (32 - wideBits);
  return wideBits <= narrowBits && Math.floor(wideAddress / size) === Math.floor(narrowAddress / size);
}

function parts(block: string): readonly [address: number, bits: number] {
  const [address = "", bits = "32"] = block.split("/");
  return [address.split(".").reduce((number, octet) => number * 256 + Number(octet), 0), Number(bits)];
}
