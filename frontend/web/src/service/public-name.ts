/** Names that the page may show. Pure. */

/** Names without their folders: a model's name may be a path of the server, which is private. */
export function publicName(text: string): string {
  return text.replace(/(?<![\w.:/\\-])(?:~|\.{1,2}|[A-Za-z]:)?(?:[\\/][^\s\\/:;,'"]+)+[\\/]?/g, (path) => {
    return path.split(/[\\/]/).filter(Boolean).at(-1) ?? path;
  });
}
