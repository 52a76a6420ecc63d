import { useRef, useState } from "preact/hooks";
import { recordingFormats } from "../audio/recording";
import { current } from "../keeping";
import { strings } from "../strings";
import { Files } from "./files";
import { Download } from "./icons";

/** A menu of files to keep. */
export function Save() {
  const menu = useRef<HTMLDetailsElement>(null);
  const [open, setOpen] = useState(false);
  const kept = current.value;
  if (kept.lines.length === 0 && kept.recordings.length === 0) return null;
  const close = () => menu.current?.removeAttribute("open");
  return (
    <details
      ref={menu}
      class="menu"
      onToggle={({ currentTarget }) => setOpen(currentTarget.open)}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        close();
        menu.current?.querySelector("summary")?.focus();
      }}
    >
      <summary class="button">
        <Download />
        {strings.save}
      </summary>
      {open && (
        <div>
          <Files kept={kept} done={close} />
          {kept.recordings.length === 0 && recordingFormats().length > 0 && <p class="hint">{strings.recordingNone}</p>}
          <p class="hint">{strings.privacy}</p>
        </div>
      )}
    </details>
  );
}
