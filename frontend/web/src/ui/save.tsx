import { useEffect, useRef, useState } from "preact/hooks";
import { recordingFormats } from "../audio/recording";
import { current } from "../conversation/history";
import { strings } from "../strings";
import { Files } from "./files";
import { Download } from "./icons";
import * as styles from "./save.module.css";
import * as text from "./text.module.css";

/** A menu of files to keep. */
export function Save() {
  const menu = useRef<HTMLDetailsElement>(null);
  const [open, setOpen] = useState(false);
  const kept = current.value;
  const close = () => menu.current?.removeAttribute("open");
  useEffect(() => {
    // Wherever the focus is, and whatever is clicked beside it; from the moment it opens, which `open` learns later.
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || !menu.current?.open) return;
      const inside = menu.current?.contains(document.activeElement) || document.activeElement === document.body;
      close();
      if (inside) menu.current?.querySelector("summary")?.focus();
    };
    const onPointer = ({ target }: PointerEvent) => {
      if (target instanceof Node && !menu.current?.contains(target)) close();
    };
    addEventListener("keydown", onKey);
    addEventListener("pointerdown", onPointer);
    return () => {
      removeEventListener("keydown", onKey);
      removeEventListener("pointerdown", onPointer);
    };
  }, []);
  if (kept.lines.length === 0 && kept.recordings.length === 0) return null;
  return (
    <details ref={menu} class={styles.menu} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary class="button">
        <Download />
        {strings.save}
      </summary>
      {open && (
        <div>
          <Files kept={kept} done={close} />
          {kept.recordings.length === 0 && recordingFormats().length > 0 && (
            <p class={text.hint}>{strings.recordingNone}</p>
          )}
          <p class={text.hint}>{strings.privacy}</p>
        </div>
      )}
    </details>
  );
}
