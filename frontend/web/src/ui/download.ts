/** Saves files. This is the only way out of the browser. */

/**
 * Saves `content` as a file of that name. `kind`: its media type. Without one every browser keeps the name: Firefox would
 * rename a recording of the type audio/ogg from .opus to .ogx.
 */
export function saveFile(name: string, content: string | Blob, kind = "application/octet-stream"): void {
  const url = URL.createObjectURL(new Blob([content], { type: kind }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser reads it after the click
}

/** Sorted by time in a folder, and allowed in one on every system. */
export function fileName(at: Date, ending: string): string {
  const two = (number: number): string => String(number).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `moshi-${day}-${two(at.getHours())}${two(at.getMinutes())}${ending}`;
}
