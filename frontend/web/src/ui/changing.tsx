/**
 * Words that change while they are shown. A browser that translates the page puts elements of its own in place of its
 * texts, and a text that was replaced shows no change any more. New words therefore get a new element.
 */
export function Changing({ children }: { children: string }) {
  return <span key={children}>{children}</span>;
}
