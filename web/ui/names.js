/** Names of people, so that two who look alike in a list can be told apart. Pure. */

// Letters that look like Latin ones in most faces (a small part of Unicode's UTS 39), after case folding.
const LOOK_ALIKES = new Map(
  Object.entries({ а: "a", е: "e", о: "o", р: "p", с: "c", у: "y", х: "x", і: "i", ј: "j", ѕ: "s", к: "k", м: "m" })
    .concat(Object.entries({ т: "t", н: "h", в: "b", α: "a", ο: "o", ν: "v", ρ: "p", ι: "i", κ: "k" }))
    .concat(Object.entries({ 0: "o", 1: "l", "|": "l" })),
);

/** What is the same for two names that can be confused: case, width, white space, invisible and look-alike letters. */
export function nameKey(name) {
  const folded = String(name)
    .normalize("NFKC")
    .replace(/\p{Default_Ignorable_Code_Point}/gu, "")
    .toUpperCase()
    .toLowerCase()
    .normalize("NFKC");
  return [...folded.replace(/\s+/gu, " ").trim()].map((letter) => LOOK_ALIKES.get(letter) ?? letter).join("");
}

const idOf = (person) => person.userId ?? person.id;

/** A person's name and handle: `{name, handle}`. The handle is unique, since a username is. */
export function nameParts(person) {
  return { name: person.displayName?.trim() || person.username, handle: `@${person.username}` };
}

/**
 * The names of many people at once, in linear time: a map of id → `{name, handle}`. The handle is null where the name
 * alone tells who is meant: nobody else has it, or one like it, as display name or as username.
 */
export function distinctNames(people) {
  const owners = new Map();
  for (const person of people) {
    for (const key of new Set([nameKey(nameParts(person).name), nameKey(person.username)])) {
      if (!owners.has(key)) owners.set(key, new Set());
      owners.get(key).add(idOf(person));
    }
  }
  const names = new Map();
  for (const person of people) {
    const { name, handle } = nameParts(person);
    names.set(idOf(person), { name, handle: owners.get(nameKey(name)).size > 1 ? handle : null });
  }
  return names;
}
