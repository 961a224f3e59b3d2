/** Patterns of an application load balancer's conditions: `*` stands for any characters, `?` for exactly one. */

/** Whether there is a text that both patterns match. */
export function meet(a: string, b: string): boolean {
  // reachable[j]: the part of `a` so far and the first j characters of `b` can match the same text.
  let reachable = Array.from({ length: b.length + 1 }, (_, j) => j === 0 || /^\*+$/.test(b.slice(0, j)));
  for (const character of a) {
    const next: boolean[] = [character === "*" && reachable[0] === true];
    for (let j = 1; j <= b.length; j += 1) {
      const other = b.charAt(j - 1);
      const one = reachable[j - 1] === true && (character === other || isWild(character) || isWild(other));
      const many = (character === "*" && next[j - 1] === true) || (other === "*" && reachable[j] === true);
      const nothing = (character === "*" && reachable[j] === true) || (other === "*" && next[j - 1] === true);
      next.push(one || many || nothing);
    }
    reachable = next;
  }
  return reachable[b.length] === true;
}

/** Whether the first pattern matches every text that the second one does. */
export function covers(wide: string, narrow: string): boolean {
  const source = wide.replace(/[^\w]/g, (character) =>
    character === "*" ? ".*" : character === "?" ? "[^*]" : `\\${character}`,
  );
  return new RegExp(`^${source}$`, "s").test(narrow);
}

function isWild(character: string): boolean {
  return character === "*" || character === "?";
}
